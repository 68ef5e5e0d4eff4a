from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from control_plane.database import Database, sqlite_url
from control_plane.models import Base
from tests.support.line import Primary, a_primary


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(tmp_path / "spoolhouse.db"))
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
async def primary(tmp_path: Path, database: Database) -> AsyncIterator[Primary]:
    async with a_primary(tmp_path / "primary", database) as primary:
        yield primary
