"""What processes do: their processor time, their memory; and how to let them rest."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_SETTLE_SECONDS = 3.0


def processor_seconds(pid: int) -> float:
    """Processor time that a process and its ended children have taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) * _TICK_SECONDS


def busy_seconds() -> float:
    """Processor time that everything on this machine has taken."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = (
        int(field) for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq) * _TICK_SECONDS


def peak_megabytes(pid: int) -> float:
    """Peak resident memory of one process.

    Raises:
        RuntimeError: It says nothing of it.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} says nothing about its memory")


class Meter:
    """Processor time of several processes, and of the whole machine, until it is stopped."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = self._after = self._read()

    def stop(self) -> None:
        """End the measurement."""
        self._after = self._read()

    def microseconds_per(self, jobs: int) -> dict[str, float]:
        """Processor time per job, by process; ``machine`` is everything on it."""
        return {name: (self._after[name] - self._before[name]) / jobs * 1e6 for name in self._after}

    def _read(self) -> dict[str, float]:
        found = {name: processor_seconds(pid) for name, pid in self._pids.items()}
        return {**found, "machine": busy_seconds()}


@contextmanager
def resting(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes while somebody else is measured; they go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(_SETTLE_SECONDS)
