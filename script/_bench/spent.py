"""What a measurement cost: time on the wall, processor time and memory of processes."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgresql import PostgreSql

Row = tuple[str, str, str]  # what, measured, goal


@dataclass(frozen=True, slots=True)
class Spent:
    """Time on the wall, and of processors: ours (ended children too) and the database's."""

    wall: float
    ours: float
    database: float


@contextmanager
def spending(server: PostgreSql) -> Iterator[list[Spent]]:
    spent: list[Spent] = []
    wall, ours, theirs = time.perf_counter(), _own_time(), tree_time(server.pid)
    yield spent
    spent.append(
        Spent(time.perf_counter() - wall, _own_time() - ours, tree_time(server.pid) - theirs)
    )


def _own_time() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def tree_time(pid: int) -> float:
    """Processor seconds of a process, its children, and those of them that ended."""
    total = sum(int(n) for n in _stat(pid)[11:15])
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        total += sum(int(n) for n in _stat(int(child))[11:13])
    return total / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no memory")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
