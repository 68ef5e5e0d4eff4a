from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.database import Database, sqlite_url
from control_plane.models import Base
from control_plane.vault import Vault
from tests.support.houses import Town, a_town
from tests.support.postgresql import PostgreSql, running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database in a real SQLite file."""
    database = Database(sqlite_url(tmp_path / "spoolhouse.db"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def vault() -> Vault:
    return Vault(b"k" * 32)


@pytest.fixture
def town(database: Database, vault: Vault) -> Town:
    return a_town(database, vault)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """One server for all tests of a run; each gets a database of its own."""
    with running() as server:
        yield server
