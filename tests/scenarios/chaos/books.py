"""The primary's database as the harness uses it: read beside it, backed up, put back."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from tests.support.postgresql import PostgreSql, find_binaries

NOT_NOW: Final = (sqlite3.OperationalError, SQLAlchemyError)  # it is away, or being put back

Row = tuple[Any, ...]


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


class Books(Protocol):
    """Where the primary keeps what it knows."""

    url: str

    def reading(self) -> contextlib.AbstractContextManager[Reader]: ...

    def back_up(self, to: Path) -> None:
        """Copy it while the primary runs."""
        ...

    def restore(self, backup: Path) -> None:
        """Put a copy in its place; the primary is off."""
        ...


@contextlib.contextmanager
def _reading(url: str) -> Iterator[Reader]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield Reader(connection)
    finally:
        engine.dispose()


class SqliteBooks:
    """One file in the primary's state directory."""

    def __init__(self, state: Path) -> None:
        self._file = state / "spoolhouse.db"
        self.url = f"sqlite:///{self._file}"

    def reading(self) -> contextlib.AbstractContextManager[Reader]:
        return _reading(self.url)

    def back_up(self, to: Path) -> None:
        with (
            contextlib.closing(sqlite3.connect(self._file, timeout=10)) as live,
            contextlib.closing(sqlite3.connect(to)) as copy,
        ):
            live.backup(copy)

    def restore(self, backup: Path) -> None:
        for left in self._file.parent.glob("spoolhouse.db*"):
            left.unlink()
        shutil.copy(backup, self._file)


class PostgreSqlBooks:
    """A database of a PostgreSQL server, saved and put back with its own programs."""

    def __init__(self, server: PostgreSql) -> None:
        self._server = server
        self.url = server.new_database()
        self._name = self.url.partition("@/")[2].partition("?")[0]

    def reading(self) -> contextlib.AbstractContextManager[Reader]:
        return _reading(self.url)

    def back_up(self, to: Path) -> None:
        self._run("pg_dump", "--format=custom", "--compress=0", f"--file={to}", self._name)

    def restore(self, backup: Path) -> None:
        self._run("dropdb", "--force", self._name)
        self._run("createdb", self._name)
        self._run("pg_restore", "--exit-on-error", f"--dbname={self._name}", f"{backup}")

    def _run(self, program: str, *words: str) -> None:
        where = (f"--host={self._server.folder}", f"--username={self._server.user}")
        done = subprocess.run(
            [find_binaries() / program, *where, *words],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"
