"""The n-th write, fsync or rename fails: nothing acknowledged is lost, and no success is a lie."""

from __future__ import annotations

import asyncio
import errno
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.spool.durable import EXIT_DISK_FAILED
from tests.support import job_load
from tests.support.counts import count, progress
from tests.support.job_load import Ledger, start_child
from tests.support.jobs import a_job_service, accept, documents_of

SOURCE = Path(job_load.__file__).with_name("failing_disk.c")
MOST = count(30, 200)
BLOCK = 50  # of n, in one test
AT_ONCE = 3
BLOCKS = [range(first, min(first + BLOCK, MOST + 1)) for first in range(1, MOST + 1, BLOCK)]
FAULTS = [
    ("fsync", errno.EIO),
    ("write", errno.EIO),
    ("write", errno.ENOSPC),
    ("rename", errno.EIO),
]

pytestmark = [
    pytest.mark.scaled,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which builds the shim, is absent"),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("shim") / "failing_disk.so"
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(built), str(SOURCE), "-ldl"], check=True
    )
    return built


@dataclass(frozen=True)
class Fault:
    """The n-th call fails with this number."""

    shim: Path
    call: str
    number: int
    nth: int

    def environment(self, state: Path) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.shim),
            "DISK_FOLDER": str(state),
            "DISK_CALL": self.call,
            "DISK_NTH": str(self.nth),
            "DISK_ERRNO": str(self.number),
            "DISK_TOLD": str(told(state)),
        }


def told(state: Path) -> Path:
    """The file that the shim makes when the call has failed."""
    return state.with_name("failed")


async def one_life(used: Path, folder: Path, fault: Fault) -> int:
    """Work on a disk that fails once, then start again and look; gives the exit code."""
    state, paper, ledger = folder / "state", folder / "paper", Ledger()
    await asyncio.to_thread(shutil.copytree, used, state)
    jobs = str(8 + fault.nth)  # enough for the call to be made n times
    options = ["--paper", str(paper), "--clients", "4", "--jobs", jobs]
    child = start_child(state, *options, environment=fault.environment(state))
    code = await asyncio.to_thread(child.wait, 120)
    ledger.add(child)
    assert told(state).exists(), f"{fault.call} was not called {fault.nth} times"
    # It went on, ended on purpose to start again, or could not start; it never hung or lied.
    assert code in (0, 1, EXIT_DISK_FAILED)
    await ledger.check(state, paper)
    async with a_job_service(state) as service:
        job = await accept(service, b"it goes on")
        assert await documents_of(service, job.id) == [b"it goes on"]
    await asyncio.to_thread(shutil.rmtree, folder)
    return code


@pytest.mark.parametrize("nths", BLOCKS, ids=lambda block: f"{block[0]}-{block[-1]}")
@pytest.mark.parametrize(
    ("call", "number"), FAULTS, ids=[f"{call}-{errno.errorcode[number]}" for call, number in FAULTS]
)
async def test_a_disk_that_fails_once_loses_nothing_that_was_acknowledged(
    tmp_path: Path, shim: Path, *, call: str, number: int, nths: range, proof: Callable[[str], None]
) -> None:
    used, turns, codes = tmp_path / "used", asyncio.Semaphore(AT_ONCE), Counter[int]()
    first = start_child(used, "--paper", str(tmp_path / "paper"), "--clients", "2", "--jobs", "2")
    assert await asyncio.to_thread(first.wait) == 0

    async def take_turn(nth: int) -> None:
        async with turns:
            fault = Fault(shim, call, number, nth)
            codes[await one_life(used, tmp_path / str(nth), fault)] += 1
            progress(codes.total(), len(nths), f"failures of {call}")

    async with asyncio.TaskGroup() as group:
        for nth in nths:
            group.create_task(take_turn(nth))
    proof(
        f"{call} number {nths[0]} to {nths[-1]} fails with {errno.errorcode[number]}: nothing"
        f" acknowledged is lost; exit codes {dict(codes)}"
    )
    if call == "fsync":
        assert codes[EXIT_DISK_FAILED] > len(nths) // 2, "a failed fsync must end the process"
    if number == errno.ENOSPC:
        assert EXIT_DISK_FAILED not in codes, "a full disk is no reason to end"
