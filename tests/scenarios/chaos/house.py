"""One office with the real programs: primary with its broker, gateway, printer, a card reader."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from control_plane.cli import main as spoolhouse
from edge_agent.command_line import main as spoolhouse_agent
from script._demo.children import find_child
from shared.processes import die_with_parent
from tests.scenarios.chaos import private_network
from tests.scenarios.chaos.books import Books
from tests.scenarios.chaos.wire import Wire
from tests.support import postgresql
from tests.support.disks import a_small_disk
from tests.support.ippeveprinter import EvePrinter, free_port
from tests.support.postgresql import PostgreSql

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
CARD: Final = "04A224B2C35E80"
PASSWORD: Final = "a word that nobody guesses"
_START_SECONDS: Final = 180.0
_DISK_MEGABYTES: Final = 700
_FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def wait_until(condition: Callable[[], Any], what: str, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s until {what}"
        time.sleep(0.03)
    return found


@dataclass
class Program:
    """One of the commands that everybody uses, in a process group of its own."""

    name: str
    words: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", **self.environment},
                preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call
            )  # fmt: skip

    def kill(self) -> None:
        """As power does: at once, with all that belongs to it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def say_where_it_is(self) -> None:
        """End it and have it write the stacks of all its threads into its log."""
        if self.is_running:
            os.kill(self.pid, signal.SIGABRT)
            assert self.process is not None
            self.process.wait(10)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let it see nothing of what is done to its disk, as a snapshot of a machine does."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def ask(*words: str) -> Any:
    """Run a command of ``spoolhouse`` and read its JSON."""
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        status = spoolhouse([*words, "--json"])
    assert status == 0, f"{' '.join(words)}: {complained.getvalue()}"
    return json.loads(said.getvalue()) if said.getvalue().strip() else None


class House:
    """Everything, and where it is. ``primary``, ``gateway`` and ``clone`` can be killed."""

    def __init__(
        self, folder: Path, disk: Path, *, clock: str = "+0", server: PostgreSql | None = None
    ) -> None:
        self.folder = folder
        self.primary_state, self.gateway_state = folder / "primary", disk / "gateway"
        self.books = Books(self.primary_state, server)
        self.web, self.broker, self.ipp, self.health, self.reader = (free_port() for _ in range(5))
        self.wire = Wire(self.broker)
        self.printer = EvePrinter(folder / "printer")
        self._outputs = [self.printer.output_dir]
        self.clock_file = folder / "clock"
        self.set_clock(clock)
        self.primary = Program(
            "primary",
            ("control_plane.cli", "primary", "--state", f"{self.primary_state}",
             "--listen", f"127.0.0.1:{self.web}", "--broker-port", f"{self.broker}",
             "--database", self.books.url),
            folder / "primary.log",
        )  # fmt: skip
        self.gateway = self._agent("gateway", self.gateway_state)

    def _agent(self, name: str, state: Path) -> Program:
        words = ("edge_agent", "run", "--state", f"{state}")
        return Program(name, words, self.folder / f"{name}.log", self._lying_clock())

    def _lying_clock(self) -> Mapping[str, str]:
        if self.why_no_clock() is not None:
            return {}
        return {
            "LD_PRELOAD": f"{_FAKETIME}",
            "FAKETIME_TIMESTAMP_FILE": f"{self.clock_file}",
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set_clock(self, says: str) -> None:
        """Move the gateway's clock: ``+3600`` is an hour ahead; it looks once a second."""
        self.clock_file.write_text(f"{says}\n")

    @staticmethod
    def why_no_clock() -> str | None:
        return None if _FAKETIME.exists() else "libfaketime is not installed"

    def clone(self, state: Path) -> Program:
        """The same box a second time, on a copy of its disk."""
        return self._agent("clone", state)

    # --- building -----------------------------------------------------------------------------

    def build(self) -> None:
        self.printer.start()
        self.start_primary()
        state, account = ("--state", f"{self.primary_state}"), ("--account", "alder")
        ask("vendor", "create", "--name", "Vic", *state)
        ask("account", "create", "--vendor", "Vic", "--name", "Alder Ltd",
            "--short-name", "alder", *state)  # fmt: skip
        ask("user", "add", *account, "--username", "ada", "--password", PASSWORD, *state)
        ask("card", "add", *account, "--user", "ada", "--number", CARD, *state)
        ask("site", "add", *account, "--name", "Office", *state)
        code = ask(
            "gateway", "code", *account, "--name", "Hall", "--site", "Office",
            "--ipp", f"127.0.0.1:{self.ipp}", "--health", f"127.0.0.1:{self.health}",
            "--readers", "127.0.0.1", "--without", "terminal-client",
            "--url", f"https://localhost:{self.web}", *state,
        )  # fmt: skip
        ask("printer", "add", *account, "--name", "Hall", "--uri", self.printer.uri,
            "--site", "Office", *state)  # fmt: skip
        for path, more in (("pull", ()), ("direct", ("--printer", "Hall"))):
            ask("queue", "add", *account, "--path", path, "--type", path, *more, *state)
        ask("reader", "add", *account, "--name", "Reader", "--gateway", "Hall",
            "--printer", "Hall", "--role", "server", "--address", "127.0.0.1",
            "--port", f"{self.reader}", *state)  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            enrolled = spoolhouse_agent(
                ["enrol", "--state", f"{self.gateway_state}", "--code", code["code"]]
            )
        assert enrolled == 0
        settings = self.gateway_state / "agent.toml"
        settings.write_text(
            re.sub(r"(?m)^broker_port = \d+$", f"broker_port = {self.wire.port}",
                   settings.read_text())
        )  # fmt: skip
        settings.chmod(0o600)
        self.gateway_id = str(code["gateway_id"])
        self.start_gateway()

    def start_primary(self) -> None:
        self.primary.start()
        self._wait_for(self.primary, self.web)

    def start_gateway(self) -> None:
        self.gateway.start()
        self._wait_for(self.gateway, self.ipp)

    def _wait_for(self, program: Program, port: int) -> None:
        def ready() -> bool:
            assert program.is_running, f"the {program.name} ended, see {program.log}"
            return answers(port)

        wait_until(ready, f"the {program.name} answers", _START_SECONDS)

    # --- doing --------------------------------------------------------------------------------

    def tap(self, card: str = CARD) -> bool:
        """Hold a card to the reader; False where the gateway is not there to see it."""
        try:
            with socket.create_connection(("127.0.0.1", self.reader), timeout=2) as reader:
                reader.sendall(card.encode() + b"\r\n")
                reader.settimeout(0.3)
                with contextlib.suppress(TimeoutError):
                    reader.recv(1)
        except OSError:
            return False
        return True

    @contextmanager
    def printer_off(self) -> Iterator[None]:
        """Switch the printer off; it counts from 1 again, so it gets a new tray."""
        self.printer.kill()
        try:
            yield
        finally:
            self.printer.output_dir = self.folder / f"printer/output-{len(self._outputs)}"
            self.printer.output_dir.mkdir()
            self._outputs.append(self.printer.output_dir)
            self.printer.start()

    def sheets(self) -> list[Path]:
        """Everything that came out, from all trays."""
        return [path for tray in self._outputs for path in tray.iterdir() if path.suffix != ".prn"]

    def kill_broker(self) -> None:
        pid = find_child(self.primary.pid, "mosquitto")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def copy_gateway(self, to: Path) -> None:
        """Copy the gateway's disk as one moment's image."""
        with self.gateway.standing_still():
            shutil.rmtree(to, ignore_errors=True)
            shutil.copytree(self.gateway_state, to)

    @contextmanager
    def gateway_database(self, state: Path | None = None) -> Iterator[sqlite3.Connection]:
        with _reading((state or self.gateway_state) / "jobs.db") as connection:
            yield connection

    @contextmanager
    def replica(self) -> Iterator[sqlite3.Connection]:
        with _reading(self.gateway_state / "replica.db") as connection:
            yield connection


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield connection


@contextmanager
def a_house(folder: Path, *, clock: str = "+0", store: str = SQLITE) -> Iterator[House]:
    """Build it and run it until the block ends; for a thread of ``private_network.alone``."""
    with ExitStack() as stack:
        server = stack.enter_context(postgresql.running()) if store == POSTGRESQL else None
        disk = folder / "disk"
        if private_network.why_not() is None:
            stack.enter_context(a_small_disk(disk, _DISK_MEGABYTES))
        disk.mkdir(exist_ok=True)
        house = House(folder, disk, clock=clock, server=server)
        stack.callback(house.wire.cut)
        stack.callback(house.printer.stop)
        stack.callback(house.primary.kill)
        stack.callback(house.gateway.kill)
        house.build()
        yield house
