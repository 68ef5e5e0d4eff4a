"""A PostgreSQL of the tests' own: in a temporary directory, on a socket, gone with them."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from shared.processes import die_with_parent

_PLACES = (Path("/usr/lib/postgresql/15/bin"), Path("/usr/lib/postgresql/16/bin"))
_START_SECONDS = 30


@dataclass
class PostgreSql:
    """A running server; each test gets databases of its own."""

    folder: Path
    user: str
    pid: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        name = f"test_{next(self._numbers)}"
        engine = create_engine(
            self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return self.url(name)


def find_binaries() -> Path:
    for place in _PLACES:
        if (place / "postgres").exists():
            return place
    found = shutil.which("postgres")
    if found is None:
        raise FileNotFoundError("PostgreSQL is missing: script/setup installs it")
    return Path(found).parent


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[PostgreSql]:
    """Start a server as a user that is not root, and end it; ``durable`` waits for its disk."""
    binaries = find_binaries()
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="spoolhouse-pg-"))
    as_user: tuple[str, ...] = ()
    if os.geteuid() == 0:
        shutil.chown(folder, user)
        # A change of user takes the preexec_fn's wish away; setpriv says it again.
        as_user = (
            "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
            "--pdeathsig", "KILL",
        )  # fmt: skip
    data = folder / "data"
    try:
        subprocess.run(
            [*as_user, binaries / "initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"],
            check=True, capture_output=True, timeout=_START_SECONDS, cwd="/",
        )  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*as_user, binaries / "postgres", "-D", data, "-k", folder,
                 "-c", "listen_addresses=", "-c", f"fsync={'on' if durable else 'off'}",
                 "-c", "max_connections=100"],
                stdout=log, stderr=log, preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call
                cwd="/",
            )  # fmt: skip
        try:
            _wait(binaries, folder, user)
            yield PostgreSql(folder, user, server.pid)
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(binaries: Path, folder: Path, user: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        ready = subprocess.run(
            [binaries / "pg_isready", "-h", folder, "-U", user], capture_output=True, check=False
        )
        if ready.returncode == 0:
            return
        time.sleep(0.05)
    raise TimeoutError((folder / "log").read_text())
