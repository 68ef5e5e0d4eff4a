"""Children that end with us: each leads a process group of its own and is started again.

The kernel kills a child when the thread that started it ends (PR_SET_PDEATHSIG), so even SIGKILL
leaves nothing behind, as long as the child does the same for its own children. Everything here is
started from the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
LIBC: Final = ctypes.CDLL(None, use_errno=True)
PAUSES: Final = (0.2, 0.5, 1.0, 2.0)  # before each start after a quick death
HEALTHY_SECONDS: Final = 10.0
STOP_SECONDS: Final = 3.0


def die_with(parent: int) -> Callable[[], None]:
    """Make what a new child does first: bind its life to the parent's."""

    def bind() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # The parent died before we asked.
            os._exit(1)

    return bind


async def start(
    argv: Sequence[str | Path], log: Path, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    """Start a program in a process group of its own; its words go to the log."""
    with log.open("ab") as words:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=dict(environment),
            process_group=0,
            preexec_fn=die_with(os.getpid()),
        )


def signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def end(process: asyncio.subprocess.Process, seconds: float = STOP_SECONDS) -> None:
    """End a process group: politely, then for good."""
    signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), seconds)
    signal_group(process.pid, signal.SIGKILL)
    await process.wait()


@dataclass
class Child:
    """A program that should always run; ``keep`` starts it again whenever it ends."""

    name: str
    argv: Sequence[str | Path]
    log: Path
    on_start: Callable[[], None]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    before_start: Callable[[], Awaitable[None]] | None = None
    process: asyncio.subprocess.Process | None = None
    wanted: bool = True
    deaths: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int | None:
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if running and self.process else None

    async def keep(self) -> None:
        """Run it for ever, like a service manager; cancel to end it."""
        quick = 0
        try:
            while True:
                await self._until_wanted()
                loop = asyncio.get_running_loop()
                began = loop.time()
                self.process = await start(self.argv, self.log, self.environment)
                self.on_start()
                await self.process.wait()
                signal_group(self.process.pid, signal.SIGKILL)  # what it left behind
                if not self.wanted:
                    continue
                self.deaths += 1
                quick = 0 if loop.time() - began > HEALTHY_SECONDS else quick + 1
                await asyncio.sleep(PAUSES[min(quick, len(PAUSES) - 1)])
        finally:
            self.wanted = False
            if self.process is not None:
                await asyncio.shield(end(self.process))

    async def stop(self) -> None:
        """End it and leave it ended until ``go``."""
        self.wanted = False
        self._changed.clear()
        if self.process is not None:
            await end(self.process)

    def go(self) -> None:
        self.wanted = True
        self._changed.set()

    async def _until_wanted(self) -> None:
        while not self.wanted:
            await self._changed.wait()
            self._changed.clear()


def find_child(parent: int, program: str) -> int | None:
    """The pid of a running child by its program's name (the broker below the primary)."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        state, ppid = tail.split()[:2]
        if int(ppid) == parent and head.partition("(")[2] == program and state != "Z":
            return int(folder.name)
    return None


def tail(log: Path, lines: int = 25) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
