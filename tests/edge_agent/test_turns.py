"""Very many things are told some at a time, and each has its turn."""

from __future__ import annotations

from typing import Any

from edge_agent.turns import MOST, MOST_BYTES, Turns
from shared.messages import codec


def things(count: int, **more: Any) -> dict[str, dict[str, Any]]:
    return {f"p{n:04}": {"ok": True, **more} for n in range(count)}


def test_what_fits_is_told_whole_each_time() -> None:
    turns = Turns()
    for count in (0, 1, MOST):
        turn = turns.take(things(count))
        assert (turn.things, turn.span) == (things(count), None)


def test_of_six_hundred_each_has_its_turn_and_no_range_is_left_out() -> None:
    turns, every = Turns(), things(3 * MOST)
    told = [turns.take(every) for _ in range(4)]
    assert [len(turn.things) for turn in told] == [MOST] * 4
    assert told[0].things | told[1].things | told[2].things == every
    spans = [turn.span for turn in told]
    assert spans == [
        {"after": "", "upto": "p0199"},
        {"after": "p0199", "upto": "p0399"},
        {"after": "p0399", "upto": ""},
        {"after": "", "upto": "p0199"},
    ]


def test_things_of_many_words_are_fewer_in_a_heartbeat() -> None:
    turns, every = Turns(), things(100, says="x" * 5_000)
    told: dict[str, Any] = {}
    while len(told) < len(every):
        turn = turns.take(every)
        assert turn.things
        assert len(codec.dumps(turn.things)) < MOST_BYTES + 1_000
        told |= turn.things
    assert told == every


def test_when_there_are_fewer_again_all_are_told() -> None:
    turns = Turns()
    turns.take(things(3 * MOST))
    turns.take(things(3 * MOST))
    shrunk = turns.take(things(MOST + 1))
    assert shrunk.span == {"after": "p0399", "upto": ""}
    assert shrunk.things == {}
    assert turns.take(things(5)).span is None
