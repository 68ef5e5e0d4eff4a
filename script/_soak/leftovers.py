"""What tests may leave when they are broken off: processes and mounts."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of all that our children leave behind (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children(*, patience_seconds: float) -> list[str]:
    """Wait for all children; kill those that stay. Returns the command lines of these."""
    limit = time.monotonic() + patience_seconds
    while _reap() and time.monotonic() < limit:
        time.sleep(0.1)
    ended: list[str] = []
    while _reap():
        # Killing a parent makes its children ours, so this ends with the last one.
        for pid in list(_children()):
            ended.append(_command(pid))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return [line for line in dict.fromkeys(ended) if line]


def _reap() -> bool:
    """Collect what has ended; whether children are left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _children() -> Iterator[int]:
    me = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if fields[1] == me and fields[0] != "Z":
                yield int(stat.parent.name)


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def unmount_below(folder: Path) -> None:
    """Unmount what is mounted under a folder, the innermost first."""
    lines = Path("/proc/mounts").read_text().splitlines()
    places = [line.split()[1] for line in lines]
    for place in reversed([p for p in places if Path(p).is_relative_to(folder)]):
        subprocess.run(["umount", "-l", place], check=False)
