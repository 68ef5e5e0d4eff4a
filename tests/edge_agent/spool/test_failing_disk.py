"""The n-th write, fsync or rename fails: nothing acknowledged is lost, and no success is a lie."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.spool.durable import EXIT_DISK_FAILED
from tests.support import job_load
from tests.support.counts import is_soak
from tests.support.job_load import Ledger, start_child

SOURCE = Path(job_load.__file__).with_name("failing_disk.c")
NTHS = range(1, 201) if is_soak() else range(3, 31, 9)

pytestmark = [
    pytest.mark.scaled,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which builds the shim, is absent"),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("shim") / "failing_disk.so"
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(built), str(SOURCE), "-ldl"], check=True
    )
    return built


def run(
    state: Path, paper: Path, options: list[str], environment: dict[str, str]
) -> tuple[int, Ledger]:
    ledger = Ledger()
    child = start_child(state, "--paper", str(paper), *options, environment=environment)
    code = child.wait()
    ledger.add(child)
    return code, ledger


@pytest.mark.parametrize(
    ("call", "number"),
    [("fsync", errno.EIO), ("write", errno.EIO), ("write", errno.ENOSPC), ("rename", errno.EIO)],
    ids=["fsync-EIO", "write-EIO", "write-ENOSPC", "rename-EIO"],
)
@pytest.mark.timeout(900)
async def test_a_disk_that_fails_once_loses_nothing_that_was_acknowledged(
    tmp_path: Path, shim: Path, call: str, number: int, proof: Callable[[str], None]
) -> None:
    codes = dict[int, int]()
    used = tmp_path / "used"
    assert run(used, tmp_path / "paper", ["--clients", "2", "--jobs", "2"], {})[0] == 0
    for nth in NTHS:
        state, paper = tmp_path / str(nth) / "state", tmp_path / str(nth) / "paper"
        shutil.copytree(used, state)
        environment = {
            "LD_PRELOAD": str(shim),
            "DISK_FOLDER": str(state),
            "DISK_CALL": call,
            "DISK_NTH": str(nth),
            "DISK_ERRNO": str(number),
        }
        code, ledger = run(state, paper, ["--clients", "4", "--jobs", "8"], environment)
        # It went on, ended on purpose to start again, or could not start; it never hung or lied.
        assert code in (0, 1, EXIT_DISK_FAILED)
        codes[code] = codes.get(code, 0) + 1
        code, after = run(state, paper, ["--clients", "2", "--jobs", "2"], {})
        assert code == 0, "it does not start again"
        ledger.add_all(after)
        await ledger.check(state, paper)
    proof(f"{call} {errno.errorcode[number]}: exit codes {codes}")
    if call == "fsync":
        assert codes[EXIT_DISK_FAILED] > len(NTHS) // 2, "a failed fsync must end the process"
    if number == errno.ENOSPC:
        assert EXIT_DISK_FAILED not in codes, "a full disk is no reason to end"
