"""``kill -9`` while eight clients print over IPP and LPD: what they were told is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.counts import count, progress, randomness
from tests.support.intake_load import WireLedger

KILLS = count(15, 300)


@pytest.mark.scaled
@pytest.mark.timeout(300 + KILLS * 10)
async def test_what_a_client_was_told_is_true_after_kills_under_load(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    state, paper, ledger = tmp_path / "state", tmp_path / "paper", WireLedger()
    chance = randomness("kills on the wire")
    while ledger.kills < KILLS:
        await ledger.live_and_die(state, paper, chance)
        progress(ledger.kills, KILLS, "kills")
    uncertain = await ledger.check(state, paper)
    proof(
        f"{ledger.kills} kills, {ledger.kills_with_unanswered} of them with a request unanswered;"
        f" {len(ledger.acked)} acknowledged jobs ({ledger.protocols['IPP']} by IPP,"
        f" {ledger.protocols['LPD']} by LPD): none lost, none twice, each printed with its SHA-256"
        f" but {uncertain} that were at the printer in that moment and wait for a person"
    )
    assert ledger.kills_with_unanswered * 2 >= ledger.kills
    assert min(ledger.protocols["IPP"], ledger.protocols["LPD"]) > KILLS
