"""Child processes that end with their parent, and pid files that tell whose a process is."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_STARTED_AS_INIT: Final = os.getpid() == 1  # a container's first process has children of its own


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends.

    Hand it to ``subprocess.Popen(preexec_fn=...)``. Linux only; elsewhere it does nothing, and
    children must watch a pipe. Start long-lived children from a thread that lives as long.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1 and not _STARTED_AS_INIT:  # The parent died before we asked.
        os._exit(1)


def end(process: subprocess.Popen[bytes], *, timeout_seconds: float = 3.0) -> int:
    """End a child: politely, then for good. Returns its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is none.

    A pid together with its start time names one process for ever; a pid alone is used again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def write_pid_file(path: Path, pid: int) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_text(f"{pid} {start_time(pid)}\n")
    beside.replace(path)


def read_pid_file(path: Path) -> int | None:
    """The pid in the file, if exactly that process still runs."""
    try:
        pid, started = path.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if str(start_time(int(pid))) == started else None


def end_leftover(path: Path, *, timeout_seconds: float = 3.0) -> bool:
    """End the process that an earlier run left behind; whether there was one."""
    pid = read_pid_file(path)
    if pid is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if read_pid_file(path) is None:
                return True
            time.sleep(0.02)
    return True
