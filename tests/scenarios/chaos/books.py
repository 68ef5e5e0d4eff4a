"""The primary's database as the harness uses it: read beside it, backed up, put back."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from tests.support.postgresql import PostgreSql

NOT_NOW: Final = (sqlite3.OperationalError, SQLAlchemyError)  # it is away, or being put back

Row = tuple[Any, ...]

_MOST_SECONDS_ALIVE: Final = 60.0


@dataclass(frozen=True)
class Reader:
    """An open look at the primary's tables."""

    connection: Connection

    def rows(self, sql: str, **values: Any) -> list[Row]:
        return [tuple(row) for row in self.connection.execute(text(sql), values)]

    def row(self, sql: str, **values: Any) -> Row | None:
        found = self.rows(sql, **values)
        return found[0] if found else None

    @property
    def moment(self) -> str:
        """The SQL that writes the column ``at`` as it travels."""
        if self.connection.dialect.name == "sqlite":
            return "replace(substr(at, 1, 23), ' ', 'T') || 'Z'"
        return r"""to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS.MS"Z"')"""


@contextlib.contextmanager
def _reading(url: str) -> Iterator[Reader]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield Reader(connection)
    finally:
        engine.dispose()


class Books:
    """Where the primary keeps what it knows; backed up and put back as its owner would."""

    def __init__(self, state: Path, server: PostgreSql | None) -> None:
        self._state = state
        self.url = (
            f"sqlite:///{state / 'spoolhouse.db'}" if server is None else server.new_database()
        )

    def reading(self) -> contextlib.AbstractContextManager[Reader]:
        return _reading(self.url)

    def back_up(self, to: Path) -> None:
        """Copy it while the primary runs."""
        done = self._run("backup", to)
        assert done.returncode == 0, done.stderr

    def restore(self, backup: Path) -> None:
        """Put a copy in its place; the primary is off.

        Where it was killed the database knows nothing of that yet, and one waits a moment.
        """
        deadline = time.monotonic() + _MOST_SECONDS_ALIVE
        while (done := self._run("restore", backup)).returncode:
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.5)
        for left in self._state.glob("spoolhouse.db.before-*"):
            left.unlink()

    def _run(self, verb: str, file: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "control_plane.cli", verb, file, "--state", self._state,
             "--database", self.url],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
