"""Two primaries and a broker of their own on one PostgreSQL, each a process; gateways in this one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from control_plane import link as primary_link
from control_plane.database import Database
from control_plane.pki.keys import KeyRing
from control_plane.vault import Vault
from shared.crypto import authority
from shared.processes import die_with_parent
from tests.support.houses import a_town
from tests.support.ippeveprinter import free_port
from tests.support.line import Primary
from tests.support.primaries import COMMAND, RunningPrimary, a_primary, log_of


@dataclass
class Process:
    """A primary that is killed and started again."""

    state: Path
    options: tuple[str, ...]
    stack: ExitStack = field(default_factory=ExitStack)
    running: RunningPrimary | None = None

    def start(self) -> RunningPrimary:
        self.stack = ExitStack()
        self.running = self.stack.enter_context(a_primary(self.state, *self.options))
        return self.running

    @property
    def pid(self) -> int:
        assert self.running is not None
        return self.running.process.pid

    @property
    def port(self) -> int:
        assert self.running is not None
        return self.running.port

    @property
    def certified_name(self) -> str:
        pem = (self.state / "broker" / "primary.pem").read_bytes()
        return authority.common_name(authority.certificate_from_pem(pem))

    def kill(self) -> None:
        """As power does; nothing is said to anybody."""
        assert self.running is not None
        self.running.process.send_signal(signal.SIGKILL)
        self.running.process.wait(10)
        self.stack.close()

    def stop(self) -> None:
        self.stack.close()


@dataclass
class House:
    """The two, their broker's process, and what a test needs to talk to them."""

    first: Process
    second: Process
    broker: subprocess.Popen[str]
    gateways: Primary  # what tests.support.line asks of a primary

    @property
    def both(self) -> tuple[Process, Process]:
        return self.first, self.second


def copy_keys(source: Path, target: Path) -> None:
    shutil.copytree(source / "keys", target / "keys")


@contextmanager
def two_primaries(folder: Path, url: str) -> Iterator[House]:
    """Start them on an empty database; the second has a copy of the first one's keys."""
    port = free_port()
    options = ("--database", url, "--broker-address", f"127.0.0.1:{port}")
    first = Process(folder / "first", options)
    second = Process(folder / "second", options)
    with ExitStack() as stack:
        first.start()
        stack.callback(first.stop)
        for other in ("second", "broker"):
            copy_keys(folder / "first", folder / other)
        broker = stack.enter_context(_a_broker(folder / "broker", url, port))
        second.start()
        stack.callback(second.stop)
        database = Database(url)
        stack.callback(database.close)
        yield House(first, second, broker, _talking_to(folder / "first", database, port))


@contextmanager
def _a_broker(state: Path, url: str, port: int) -> Iterator[subprocess.Popen[str]]:
    with log_of(state).open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, "broker", "--state", str(state), "--database", url,
             "--broker-port", str(port)],
            stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.search(r"come to port \d+", line), line
        yield process
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def _talking_to(state: Path, database: Database, port: int) -> Primary:
    vault = Vault.open_or_create(state / "keys")
    town = a_town(database, vault)
    broker = SimpleNamespace(listeners=SimpleNamespace(port=port))
    link: Any = SimpleNamespace(broker=broker, wake=lambda: None)
    keys = KeyRing.open_or_create(state / "keys")
    return Primary(state, database, keys, vault, town, cast("primary_link.Link", link))
