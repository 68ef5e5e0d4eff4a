from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from control_plane.app import create_app
from control_plane.database import Database, sqlite_url
from control_plane.models import Base
from control_plane.pki import certificates
from control_plane.request import Parts
from control_plane.settings import Settings
from control_plane.vault import Vault
from control_plane.webserver import WebServer
from tests.support.houses import Town, a_town
from tests.support.line import CLOCK, Primary, a_primary


@pytest.fixture(scope="session")
def made_town(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Town]:
    """A database with everybody in it, made once: passwords are slow on purpose."""
    path = tmp_path_factory.mktemp("town") / "spoolhouse.db"
    database = Database(sqlite_url(path))
    Base.metadata.create_all(database.engine)
    town = a_town(database, Vault(b"k" * 32))
    database.close()
    return path, town


@pytest.fixture
def database(tmp_path: Path, made_town: tuple[Path, Town]) -> Iterator[Database]:
    shutil.copy(made_town[0], tmp_path / "spoolhouse.db")
    database = Database(sqlite_url(tmp_path / "spoolhouse.db"))
    yield database
    database.close()


@pytest.fixture
async def primary(
    tmp_path: Path, database: Database, made_town: tuple[Path, Town]
) -> AsyncIterator[Primary]:
    async with a_primary(tmp_path / "primary", database, made_town[1]) as primary:
        yield primary


@pytest.fixture
async def url(primary: Primary, tmp_path: Path) -> AsyncIterator[str]:
    """Where the primary's web side is."""
    settings = Settings(tmp_path / "primary")
    parts = Parts(
        settings=settings,
        database=primary.database,
        vault=primary.vault,
        keys=primary.keys,
        broker_address=primary.link.address,
        admission_changed=primary.link.wake,
    )
    names = ["localhost", "127.0.0.1"]
    files = certificates.for_listener(
        primary.keys.authority, tmp_path / "primary", "web", names, CLOCK.now()
    )
    server = WebServer("127.0.0.1", 0, create_app(settings, parts, pages=()), files)
    await asyncio.to_thread(server.start)
    yield f"https://127.0.0.1:{server.port}"
    await asyncio.to_thread(server.stop)
