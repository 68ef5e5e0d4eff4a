"""The power is cut while the gateway works; what it had answered is there after the next boot."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.counts import count, progress, randomness
from tests.support.disks import CutDisk, needs_root
from tests.support.job_load import Ledger, start_child

CUTS = count(3, 50)


@needs_root
@pytest.mark.root
@pytest.mark.scaled
@pytest.mark.timeout(60 + CUTS * 20)
async def test_every_answered_job_is_there_after_a_power_cut(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    chance, jobs = randomness("power cuts"), 0
    for number in range(CUTS):
        disk, paper, ledger = CutDisk(tmp_path / str(number)), tmp_path / f"paper{number}", Ledger()
        with disk.mounted() as live:
            child = start_child(live / "state", "--paper", str(paper), "--seed", str(number))
            child.run_for(chance.uniform(0.1, 1.5))
            child.process.send_signal(signal.SIGSTOP)
            # What it printed until here was answered; the paper is as far as it came.
            said = dict(child.acked)
            with disk.after_power_cut() as rebooted:
                child.kill()
                ledger.acked.update(said)
                await ledger.check(rebooted / "state", paper)
        (tmp_path / str(number) / "image").unlink()
        jobs += len(said)
        progress(number + 1, CUTS, "power cuts")
    proof(f"{CUTS} power cuts, {jobs} answered jobs, none lost")
    assert jobs > CUTS
