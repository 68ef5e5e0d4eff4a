"""``kill -9`` under load, at random moments and after each step; nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.counts import count, progress, randomness
from tests.support.job_load import STEPS, Ledger, start_child

KILLS = count(15, 300)
TAKES = count(1, 12)  # each step dies when it is taken for the 3rd, 6th, 9th ... time


@pytest.mark.scaled
@pytest.mark.timeout(KILLS * 6)
async def test_whatever_was_answered_survives_kills_at_random_moments(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    state, paper, ledger = tmp_path / "state", tmp_path / "paper", Ledger()
    chance = randomness("kills")
    for round_number in range(KILLS):
        child = start_child(state, "--paper", str(paper), "--seed", str(round_number))
        child.run_for(chance.uniform(0.02, 0.5))
        child.kill()
        ledger.add(child)
        progress(round_number + 1, KILLS, "kills")
    await ledger.check(state, paper)
    proof(
        f"{ledger.kills} kills, {ledger.kills_with_unanswered} of them with a request unanswered,"
        f" {len(ledger.acked)} acknowledged jobs, none lost, none twice"
    )
    assert ledger.kills_with_unanswered * 2 >= ledger.kills
    assert len(ledger.acked) > KILLS


@pytest.mark.scaled
@pytest.mark.timeout(TAKES * 120)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_at_each_step_loses_nothing_and_prints_nothing_twice(
    tmp_path: Path, when: str, proof: Callable[[str], None]
) -> None:
    state, paper, ledger = tmp_path / "state", tmp_path / "paper", Ledger()
    for take in range(1, TAKES + 1):
        for step in STEPS:
            # A key is made once in a life; everything else dies in full flow. Each life
            # recovers, and prints, what the one before it left.
            number = 1 if step == "key-made" else 3 * take
            child = start_child(state, "--paper", str(paper), "--die", f"{when}:{step}:{number}")
            assert child.wait() == -9, f"{step} was not taken {number} times"
            ledger.add(child)
        await ledger.check(state, paper)
        progress(take, TAKES, "times each step")
    follower = start_child(state, "--paper", str(paper), "--jobs", "3")
    assert follower.wait() == 0
    ledger.acked.update(follower.acked)
    await ledger.check(state, paper)
    assert ledger.acked
    proof(
        f"{len(STEPS)} steps, killed {TAKES} times {when} each: {len(ledger.acked)} jobs, none lost"
    )
