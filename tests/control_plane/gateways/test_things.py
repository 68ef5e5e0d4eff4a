"""What is known of the readers and printers of a gateway that has very many of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways import things
from control_plane.printers import words
from edge_agent.turns import Turns
from tests.support.houses import House, Town

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEAT = timedelta(seconds=30)


def beat(database: Database, house: House, at: datetime, **health: Any) -> None:
    with database.writing() as session:
        gateways.on_presence(session, house.gateway.id, here=True, at=at)
        gateways.on_heartbeat(session, house.gateway.id, at=at, health=health)


def look(database: Database, house: House, now: datetime) -> dict[str, things.ThingState]:
    with database.reading() as session:
        return dict(things.states(session, house.account.id, "printers", now))


def idle(age: int = 0, **more: Any) -> dict[str, Any]:
    return {"ok": True, "state": "idle", "reasons": [], "age_seconds": age, **more}


def test_six_hundred_printers_are_all_known_after_three_heartbeats(
    database: Database, town: Town
) -> None:
    turns, every = Turns(), {f"p{n:04}": idle(5) for n in range(600)}
    every["p0003"] = {"ok": False, "state": "stopped", "reasons": ["media-jam"], "age_seconds": 5}
    for n in range(3):
        turn = turns.take(every)
        told = {"printers": turn.things, "parts": {"printers": turn.span}}
        beat(database, town.alder, NOON + n * BEAT, **told)
    now = NOON + 2 * BEAT
    known = look(database, town.alder, now)
    assert len(known) == 600
    assert {state.is_old for state in known.values()} == {False}
    # Each is as old as it is, whichever heartbeat told of it.
    assert known["p0003"].as_of == NOON - timedelta(seconds=5)
    assert known["p0599"].as_of == now - timedelta(seconds=5)
    assert words.how(known["p0003"], now).says == "stopped: paper is jammed"
    assert words.how(known["p0599"], now).says == "ready"


def test_what_is_gone_from_its_range_is_not_known_any_more(database: Database, town: Town) -> None:
    beat(database, town.alder, NOON, printers={"a": idle(), "b": idle(), "c": idle()})
    span = {"printers": {"after": "a", "upto": "c"}}
    beat(database, town.alder, NOON + BEAT, printers={"c": idle()}, parts=span)
    assert set(look(database, town.alder, NOON + BEAT)) == {"a", "c"}
    # A heartbeat that names no range speaks of all.
    beat(database, town.alder, NOON + 2 * BEAT, printers={"b": idle()})
    assert set(look(database, town.alder, NOON + 2 * BEAT)) == {"b"}


def test_a_hello_makes_nothing_that_was_told_before_look_new(
    database: Database, town: Town
) -> None:
    beat(database, town.alder, NOON, printers={"a": idle(5), "b": idle(5)})
    later = NOON + timedelta(hours=2)
    with database.writing() as session:
        gateways.on_heartbeat(session, town.alder.gateway.id, at=later, boot_id="anew")
    assert look(database, town.alder, later)["a"].as_of == NOON - timedelta(seconds=5)
    span = {"printers": {"after": "a", "upto": ""}}
    beat(database, town.alder, later, printers={"b": idle()}, parts=span)
    known = look(database, town.alder, later)
    assert known["a"].as_of == NOON - timedelta(seconds=5)
    assert known["b"].as_of == later


def test_what_was_told_a_day_ago_is_forgotten_and_never_shown_as_new(
    database: Database, town: Town
) -> None:
    beat(database, town.alder, NOON, printers={"a": idle(), "b": idle()})
    later = NOON + timedelta(days=2)
    span = {"printers": {"after": "a", "upto": ""}}
    beat(database, town.alder, later, printers={"b": idle()}, parts=span)
    assert set(look(database, town.alder, later)) == {"b"}


@pytest.mark.parametrize(
    "parts",
    [7, [], {"printers": 7}, {"printers": {"after": 7, "upto": []}}, {"jobs": {"after": ""}}],
)
def test_whatever_a_stranger_says_of_ranges_the_heartbeat_is_taken(
    database: Database, town: Town, parts: Any
) -> None:
    beat(database, town.alder, NOON, printers={"a": idle()}, parts=parts)
    beat(database, town.alder, NOON + BEAT, printers={"b": idle()}, parts=parts)
    assert "b" in look(database, town.alder, NOON + BEAT)


def test_nobody_fills_the_database_by_going_on_naming_ranges(
    database: Database, town: Town
) -> None:
    for n in range(4):
        told = {f"{n}": idle(says="x" * 400_000)}
        span = {"after": f"{n - 1}" if n else "", "upto": f"{n}"}
        beat(database, town.alder, NOON + n * BEAT, printers=told, parts={"printers": span})
        known = look(database, town.alder, NOON + n * BEAT)
        assert f"{n}" in known
        assert len(known) <= 2
