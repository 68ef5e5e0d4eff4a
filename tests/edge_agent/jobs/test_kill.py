"""``kill -9`` under load, at random moments and after each step; nothing acknowledged is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.counts import count, is_soak, randomness
from tests.support.job_load import STEPS, Ledger, start_child

KILLS = count(15, 300)


@pytest.mark.scaled
@pytest.mark.timeout(KILLS * 6)
async def test_whatever_was_answered_survives_kills_at_random_moments(tmp_path: Path) -> None:
    state, paper, ledger = tmp_path / "state", tmp_path / "paper", Ledger()
    chance = randomness("kills")
    for round_number in range(KILLS):
        child = start_child(state, "--paper", str(paper), "--seed", str(round_number))
        child.run_for(chance.uniform(0.02, 0.5))
        child.kill()
        ledger.add(child)
    await ledger.check(state, paper)
    print(
        f"{ledger.kills} kills, {ledger.kills_with_unanswered} of them with a request unanswered,"
        f" {len(ledger.acked)} acknowledged jobs, none lost, none twice"
    )
    assert ledger.kills_with_unanswered * 2 >= ledger.kills
    assert len(ledger.acked) > KILLS


@pytest.mark.scaled
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_kill_at_each_step_loses_nothing_and_prints_nothing_twice(
    tmp_path: Path, step: str, when: str
) -> None:
    state, paper, ledger = tmp_path / "state", tmp_path / "paper", Ledger()
    # A key is made once a day; everything else is tried in full flow.
    takes = (1,) if step == "key-made" else (1, 2, 5, 9, 30) if is_soak() else (4,)
    for take in takes:
        child = start_child(state, "--paper", str(paper), "--die", f"{when}:{step}:{take}")
        assert child.wait() == -9
        ledger.add(child)
        follower = start_child(state, "--paper", str(paper), "--seed", "7", "--jobs", "3")
        assert follower.wait() == 0
        ledger.add(follower)
        await ledger.check(state, paper)
    assert ledger.acked
