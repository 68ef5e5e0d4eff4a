"""Computers on a LAN: network namespaces joined by a bridge. Needs root."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.processes import die_with_parent


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Computer:
    """One namespace with its address."""

    name: str
    address: str
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def inside(self) -> list[str]:
        """Put this before a command to run it there."""
        return ["ip", "netns", "exec", self.name]

    def run(
        self, command: Sequence[str], *, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end."""
        done = subprocess.run(
            [*self.inside, *command], check=False, capture_output=True, text=True, timeout=120,
            cwd=cwd, env=dict(self.environment), stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or done.returncode == 0, (
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return done

    @contextmanager
    def running(
        self, command: Sequence[str], log: Path, *, cwd: Path | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command there until the block ends."""
        with log.open("ab") as words:
            process = subprocess.Popen(
                [*self.inside, *command], cwd=cwd, env=dict(self.environment),
                stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads hold locks here
                process_group=0,
            )  # fmt: skip
        try:
            yield process
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command with all that it started: a shell does not end what runs in it."""
    for number, seconds in ((signal.SIGTERM, 8.0), (signal.SIGKILL, 3.0)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            process.poll()
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)


@contextmanager
def lan(*names: str, addresses: Sequence[str] = ()) -> Iterator[list[Computer]]:
    """Computers that reach each other and nobody else, at 10.77.0.1, .2, ... or as said."""
    tag = f"{os.getpid() % 100_000}"
    bridge = f"sh{tag}"
    with ExitStack() as stack:
        switch = f"{bridge}-switch"
        _namespace(stack, switch)
        run("ip", "-n", switch, "link", "add", bridge, "type", "bridge")
        run("ip", "-n", switch, "link", "set", bridge, "up")
        computers = []
        for number, name in enumerate(names, start=1):
            address = addresses[number - 1] if addresses else f"10.77.0.{number}"
            computer = Computer(f"{bridge}-{name}", address)
            _namespace(stack, computer.name)
            port = f"p{number}-{tag}"
            run("ip", "link", "add", port, "netns", switch, "type", "veth",
                "peer", "name", "eth0", "netns", computer.name)  # fmt: skip
            run("ip", "-n", switch, "link", "set", port, "master", bridge, "up")
            run("ip", "-n", computer.name, "addr", "add", f"{computer.address}/24", "dev", "eth0")
            # ippeveprinter does not start on a computer without an IPv6 address.
            six = ["fd77::" + str(number) + "/64", "dev", "eth0", "nodad"]
            run("ip", "-n", computer.name, "link", "set", "eth0", "up")
            run("ip", "-n", computer.name, "addr", "add", *six)
            computers.append(computer)
        yield computers


def _namespace(stack: ExitStack, name: str) -> None:
    run("ip", "netns", "add", name)
    stack.callback(_remove, name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def _remove(name: str) -> None:
    with suppress(AssertionError):
        run("ip", "netns", "delete", name)
