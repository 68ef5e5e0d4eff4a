"""Whatever goes wrong, three ledgers agree: what was answered, what came out, what is known."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.scenarios.chaos import faults, private_network
from tests.scenarios.chaos.clients import Clients, Told
from tests.scenarios.chaos.faults import MIX, Fault, World
from tests.scenarios.chaos.house import POSTGRESQL, SQLITE, a_house, wait_until
from tests.scenarios.chaos.ledgers import Ledgers, papers
from tests.support.counts import count, progress, randomness
from tests.support.ippeveprinter import bus_environment


@dataclass(frozen=True)
class Piece:
    """A share of all faults, lived through by a house of its own; together they add up."""

    store: str  # where the primary keeps what it knows
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.store}-{self.first}-{self.last}"


FAULTS = count(60, 2000)
_PIECE = count(40, 50)  # a house grows older than this many faults in no run
_ON_POSTGRESQL = 3  # every third piece, and what is left over
_TAP_EVERY = 3


def pieces() -> list[Piece]:
    edges = [*range(0, FAULTS, _PIECE), FAULTS]
    return [
        Piece(POSTGRESQL if last - first < _PIECE or n % _ON_POSTGRESQL == 0 else SQLITE,
              first + 1, last)
        for n, (first, last) in enumerate(itertools.pairwise(edges), start=1)
    ]  # fmt: skip


@pytest.mark.scaled
@pytest.mark.timeout(900 + _PIECE * 40)
@pytest.mark.parametrize("piece", pieces(), ids=str)
def test_after_every_fault_nothing_is_lost_doubled_or_out_of_order(
    tmp_path: Path, proof: Callable[[str], None], piece: Piece
) -> None:
    bus_environment()  # It must outlive the thread that the house is in.
    said = private_network.alone(lambda: live_through(tmp_path, piece))
    for sentence in said:
        proof(sentence)
    assert said[0].startswith(f"{piece.last - piece.first + 1} faults ")


def live_through(folder: Path, piece: Piece) -> list[str]:
    """Do the faults one after the other; what was counted, in sentences."""
    # One plan for all pieces of a seed: whoever lives through all has had the whole mix.
    plan = faults.plan(FAULTS, randomness("chaos"))[piece.first - 1 : piece.last]
    with a_house(folder, store=piece.store) as house:
        told = Told()
        ledgers, chance = Ledgers(house, told), randomness(f"chaos {piece}")
        clients = Clients(house.ipp, told=told, keeps_up=ledgers.printer_keeps_up)
        world = World(house, clients, ledgers, chance, folder / "backup")
        try:
            clients.start()
            return _live(world, plan)
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


def _live(world: World, plan: Sequence[Fault]) -> list[str]:
    tally = Tally()
    world.clients.work()
    wait_until(lambda: len(world.clients.told.accepted) > 3, "people can print", 180)
    world.back_up()
    for number, fault in enumerate(plan, start=1):
        if number % _TAP_EVERY == 0:
            world.house.tap()
        tally.hits += _is_in_flight(world)
        fault(world)
        world.clients.rest()
        took = world.settle()
        tally.slowest_seconds = max(tally.slowest_seconds, took)
        tally.done[fault.__name__] += 1
        print(f"{number:4} {tally.seconds:6.1f} s {fault.__name__}: settled in {took:.1f} s")
        differences = world.ledgers.lasting_differences(world.settle)
        assert differences == [], f"after {fault.__name__} (number {number}): {differences}"
        progress(number, len(plan), "faults")
        world.clients.work()
    assert tally.hits * 2 >= len(plan)
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
        "ended by themselves and were started again: "
        + (", ".join(f"{name} {n}" for name, n in world.revived.items()) or "none"),
        f"{len(told.asked)} jobs sent, {len(told.accepted)} accepted, {len(told.refused)} refused",
        f"{len(told.unanswered)} unanswered, {sum(paper.values())} sheets of {len(paper)} jobs",
        "no answer: " + ", ".join(f"{n} x {why}" for why, n in told.silences.most_common()),
        f"{ledgers.facts.count} facts: 0 lost, 0 doubled, 0 out of order",
        f"{ledgers.untold} facts went with a disk that was set back before they were told",
        f"twice on paper by boxes that were cloned or set back, told as such: {twice}",
        ", ".join(f"{name} {times}" for name, times in sorted(tally.done.items())),
    ]


def _left_out() -> list[str]:
    reasons = {fault.__name__: faults.why_not(fault) for fault in MIX}
    return [f"{name} was left out: {why}" for name, why in reasons.items() if why is not None]
