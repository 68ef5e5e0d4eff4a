"""A primary and a gateway as people start them, beside a real printer: for walks in a browser."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from script._demo.pdf import make_pdf
from script._demo.sending import PRINT_JOB
from shared.processes import die_with_parent, end
from tests.support.ippeveprinter import EvePrinter, free_port, ippeveprinter
from tests.support.primaries import COMMAND, RunningPrimary, a_primary, spoolhouse

ROOT = Path(__file__).resolve().parents[2]
AGENT = (sys.executable, "-m", "edge_agent")
LISTENERS = ("ipp", "terminal", "health")


@dataclass
class Office:
    """What stands in it: a primary that answers, a printer, and a machine to become a gateway."""

    folder: Path
    primary: RunningPrimary
    printer: EvePrinter
    ports: dict[str, int] = field(default_factory=dict)
    gateway: subprocess.Popen[bytes] | None = None

    def url(self, host: str, path: str = "/") -> str:
        return f"https://{host}:{self.primary.port}{path}"

    @property
    def setup_url(self) -> str:
        """What the primary printed at its first start."""
        assert self.primary.waits_for_first_person()
        found = wait_for(
            lambda: re.search(r"https://\S+/setup/\S+", "".join(self.primary.said)), "its URL"
        )
        return str(found[0])

    def run(self, *words: str) -> Any:
        """Run a command of the primary."""
        return spoolhouse(self.primary.state, *words)

    def batch(self, *lines: str) -> None:
        """Run many."""
        subprocess.run(
            [*COMMAND, "batch", "--state", str(self.primary.state), "--json"],
            input="\n".join(lines), text=True, check=True, timeout=60, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def choose_ports(self, gateway: str, account: str) -> None:
        """Let the gateway listen where this machine has room."""
        self.ports = {name: free_port() for name in LISTENERS}
        given = [
            word for name, port in self.ports.items() for word in (f"--{name}", f"127.0.0.1:{port}")
        ]
        self.run("gateway", "set", "--account", account, "--gateway", gateway, *given)

    def start_gateway(self, command: str) -> None:
        """Do what the page says: enrol with its code; then run."""
        words = shlex.split(command)
        assert words[:2] == ["spoolhouse-agent", "enrol"], command
        code, state = words[words.index("--code") + 1], str(self.folder / "gateway")
        subprocess.run([*AGENT, "enrol", "--state", state, "--code", code], check=True, timeout=60)
        with (self.folder / "gateway.log").open("wb") as log:
            self.gateway = subprocess.Popen(
                [*AGENT, "run", "--state", state],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads hold locks here
            )

    def stop_gateway(self) -> None:
        if self.gateway is not None:
            end(self.gateway)

    def send(self, uri: str, title: str, *, user: str, password: str) -> bytes:
        """Print a document as a computer does whose owner typed a password; returns it."""
        document, test = self.folder / f"{title}.pdf", self.folder / "print-job.test"
        document.write_bytes(make_pdf(title, [[title]]))
        test.write_text(PRINT_JOB)
        signed_in = uri.replace("ipp://", f"ipp://{user}:{quote(password)}@", 1)
        given = {"sender": user, "title": title, "copies": "1", "sides": "one-sided"}
        words = [word for name, value in given.items() for word in ("-d", f"{name}={value}")]

        def taken() -> bool:
            done = subprocess.run(
                ["ipptool", "-tv", "-T", "10", *words, "-f", str(document), signed_in, str(test)],
                check=False, capture_output=True, text=True, timeout=60,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
            self.report = done.stdout + done.stderr
            return done.returncode == 0

        # The gateway hears of queue and person some moments after the page said so.
        wait_for(taken, f"the queue at {uri}", 30, lambda: self.report)
        return document.read_bytes()

    def paper(self, count: int) -> bytes:
        """The newest of so many documents that the printer received whole."""
        wait_for(lambda: len(self.printer.documents()) >= count, "paper", 30, self.gateway_log)
        # The printer's command has said something (.prn) of each that came in whole.
        whole = self.printer.output_dir
        wait_for(lambda: len(list(whole.glob("*.prn"))) >= count, "the whole of it")
        return self.printer.documents()[-1]

    def gateway_log(self) -> str:
        return (self.folder / "gateway.log").read_text(errors="replace")[-4000:]


def wait_for(
    condition: Callable[[], Any],
    what: str,
    seconds: float = 15.0,
    why: Callable[[], str] = lambda: "",
) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}: {why()}"
        time.sleep(0.1)
    return found


@contextmanager
def an_office(folder: Path) -> Iterator[Office]:
    """Start an empty primary and a printer; what the walk starts is ended with them."""
    # Codes for gateways carry the primary's port: it must be known before.
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    with (
        ippeveprinter(folder) as printer,
        a_primary(folder / "primary", *listen) as primary,
    ):
        office = Office(folder, primary, printer)
        try:
            yield office
        finally:
            office.stop_gateway()
