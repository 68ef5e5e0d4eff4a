"""Whatever goes wrong, three ledgers agree: what was answered, what came out, what is known."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.scenarios.chaos import faults, private_network
from tests.scenarios.chaos.clients import Clients
from tests.scenarios.chaos.faults import MIX, World
from tests.scenarios.chaos.house import a_house, wait_until
from tests.scenarios.chaos.ledgers import Ledgers, papers
from tests.support.counts import count, randomness
from tests.support.ippeveprinter import bus_environment

FAULTS = count(60, 2000)
_TAP_EVERY = 3


@pytest.mark.scaled
@pytest.mark.timeout(300 + FAULTS * 15)
def test_after_every_fault_nothing_is_lost_doubled_or_out_of_order(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    bus_environment()  # It must outlive the thread that the house is in.
    said = private_network.alone(lambda: live_through(tmp_path, FAULTS))
    for sentence in said:
        proof(sentence)
    assert said[0].startswith(f"{FAULTS} faults ")


def live_through(folder: Path, wanted: int) -> list[str]:
    """Do the faults one after the other; what was counted, in sentences."""
    chance = randomness("chaos")
    with a_house(folder) as house:
        clients = Clients(house.ipp)
        world = World(house, clients, Ledgers(house, clients.told), chance, folder / "backup.db")
        try:
            clients.start()
            return _live(world, wanted)
        finally:
            clients.end()


@dataclass
class Tally:
    """What was counted on the way."""

    done: Counter[str] = field(default_factory=Counter)
    hits: int = 0
    slowest_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def _live(world: World, wanted: int) -> list[str]:
    tally = Tally()
    world.clients.work()
    wait_until(lambda: len(world.clients.told.accepted) > 3, "people can print", 60)
    world.back_up()
    for number, fault in enumerate(faults.plan(wanted, world.chance), start=1):
        if number % _TAP_EVERY == 0:
            world.house.tap()
        tally.hits += _is_in_flight(world)
        fault(world)
        world.clients.rest()
        took = world.settle()
        tally.slowest_seconds = max(tally.slowest_seconds, took)
        tally.done[fault.__name__] += 1
        print(f"{number:4} {tally.seconds:6.1f} s {fault.__name__}: settled in {took:.1f} s")
        differences = world.ledgers.differences()
        assert differences == [], f"after {fault.__name__} (number {number}): {differences}"
        world.clients.work()
    assert tally.hits * 2 >= wanted
    return [*_sentences(world, tally), *_left_out()]


def _is_in_flight(world: World) -> bool:
    """Wait a moment for work in flight; whether there was some when the fault struck."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if world.clients.open_requests or world.ledgers.in_flight():
            return True
        time.sleep(0.005)
    return False


def _sentences(world: World, tally: Tally) -> list[str]:
    told, ledgers = world.clients.told, world.ledgers
    paper = papers(world.house, told)
    twice = ", ".join(sorted(ledgers.twice_on_paper)) or "none"
    return [
        f"{tally.done.total()} faults in {tally.seconds:.0f} s, {tally.hits} hit work in flight",
        f"settled after {tally.slowest_seconds:.1f} s at most",
        f"the printer waited for a dead sender and was switched off and on {world.switched} times",
        f"{len(told.asked)} jobs sent, {len(told.accepted)} accepted, {len(told.refused)} refused",
        f"{len(told.unanswered)} unanswered, {sum(paper.values())} sheets of {len(paper)} jobs",
        "no answer: " + ", ".join(f"{n} x {why}" for why, n in told.silences.most_common()),
        f"{ledgers.facts.count} facts: 0 lost, 0 doubled, 0 out of order",
        f"{len(ledgers.fell_together)} lines of two cloned boxes fell together in a timeline",
        f"{ledgers.untold} facts went with a disk that was set back before they were told",
        f"twice on paper by boxes that were cloned or set back, told as such: {twice}",
        ", ".join(f"{name} {times}" for name, times in sorted(tally.done.items())),
    ]


def _left_out() -> list[str]:
    reasons = {fault.__name__: faults.why_not(fault) for fault in MIX}
    return [f"{name} was left out: {why}" for name, why in reasons.items() if why is not None]
