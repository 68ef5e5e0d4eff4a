"""The primaries of one database share what gateways say under a name that nobody can guess."""

from __future__ import annotations

from pathlib import Path

from control_plane.database import Database, sqlite_url
from control_plane.models import Base
from control_plane.pki.keys import KeyRing
from control_plane.primaries import service as primaries
from control_plane.vault import Vault


def group_of(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    database = Database(sqlite_url(folder / "spoolhouse.db"))
    Base.metadata.create_all(database.engine)
    try:
        with database.writing() as session:
            keys = KeyRing.open_or_create(folder / "keys")
            return primaries.join(session, keys, Vault(b"k" * 32)).share_group
    finally:
        database.close()


def test_a_database_has_one_share_group_that_nobody_can_guess(tmp_path: Path) -> None:
    one, again, other = (group_of(tmp_path / name) for name in ("one", "one", "other"))
    assert one == again
    assert one != other
    assert {len(one), len(other)} == {32}
