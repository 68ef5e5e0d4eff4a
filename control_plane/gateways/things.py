"""How single readers and printers are, as the gateway that looks after them last said."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.gateways import repository
from control_plane.gateways.models import GatewayState
from shared.clock import from_wire, to_wire
from shared.ids import AccountId

# Older than a few heartbeats: it is not a hiccup of the line.
SILENT_AFTER: Final = timedelta(seconds=150)
_LONGEST: Final = 300
_A_DAY: Final = 86_400
_KINDS: Final = ("readers", "printers")
_HEARD_AT: Final = "heard_at"
_MOST_BYTES: Final = 1024 * 1024  # of what is kept of one gateway


@dataclass(frozen=True, slots=True)
class ThingState:
    """What was said of one thing, and when."""

    ok: bool
    says: str
    as_of: datetime
    is_old: bool  # its gateway is not heard now
    told: Mapping[str, Any]  # as it came: nobody checked it


def states(
    session: Session, account_id: AccountId, kind: str, now: datetime
) -> Mapping[str, ThingState]:
    """Say how an account's ``readers`` or ``printers`` are, by id: two questions, however many.

    Of a gateway that serves several accounts only what is asked for by its id is of use: who asks
    looks up its own things.
    """
    serving = repository.serving_gateways(session, account_id)
    found: dict[str, ThingState] = {}
    for state in repository.states(session, [gateway.id for gateway in serving]).values():
        for thing_id, told in _told(state, kind):
            seen = _read(state, told, now)
            known = found.get(thing_id)
            if seen is not None and (known is None or seen.as_of > known.as_of):
                found[thing_id] = seen
    return found


def after_heartbeat(
    before: Mapping[str, Any], told: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """What is known of a gateway and its things after a heartbeat.

    ``parts`` of what was told names the ranges of ids that it speaks of, where things are too many
    for one heartbeat; the things outside stay as they were, and are older now.
    """
    known = {**told, _HEARD_AT: to_wire(at)}
    parts = known.pop("parts", None)
    whole = dict(known)
    for kind in _KINDS if isinstance(parts, Mapping) else ():
        span, things = parts.get(kind), told.get(kind)
        if isinstance(span, Mapping) and isinstance(things, Mapping):
            whole[kind] = {**_outside(span, before, kind, at), **things}
    # What a gateway says is a stranger's, and it may go on naming ranges.
    return whole if not parts or len(json.dumps(whole)) <= _MOST_BYTES else known


def _outside(
    span: Mapping[str, Any], before: Mapping[str, Any], kind: str, at: datetime
) -> dict[str, Any]:
    """What was told of things outside of a range, unless that is too long ago."""
    after, upto = str(span.get("after") or ""), str(span.get("upto") or "")
    heard_at, things = _heard_at(before), before.get(kind)
    if heard_at is None or not isinstance(things, Mapping):
        return {}
    passed = max(0, math.ceil((at - heard_at).total_seconds()))
    return {
        thing_id: {**told, "age_seconds": _age(told) + passed}
        for thing_id, told in things.items()
        if (thing_id <= after or (upto and thing_id > upto))
        and isinstance(told, Mapping)
        and _age(told) + passed < _A_DAY
    }


def _age(told: Mapping[str, Any]) -> int:
    age = told.get("age_seconds")
    return age if isinstance(age, int) and 0 <= age < _A_DAY else 0


def _heard_at(health: Mapping[str, Any]) -> datetime | None:
    """When the last heartbeat came; a Hello tells nothing of things."""
    text = health.get(_HEARD_AT)
    return from_wire(text) if isinstance(text, str) else None


def silence(state: GatewayState, now: datetime) -> timedelta:
    """For how long nothing was heard."""
    return now - state.last_seen_at if state.last_seen_at else timedelta.max


def _told(state: GatewayState, kind: str) -> list[tuple[str, Any]]:
    things = (state.health or {}).get(kind)
    return list(things.items()) if isinstance(things, Mapping) else []


def _read(state: GatewayState, told: Any, now: datetime) -> ThingState | None:
    if not isinstance(told, Mapping) or state.last_seen_at is None:
        return None
    is_here = state.presence == "here" and now - state.last_seen_at < SILENT_AFTER
    heard_at = _heard_at(state.health) or state.last_seen_at
    return ThingState(
        ok=bool(told.get("ok")),
        says=str(told.get("says") or "")[:_LONGEST],
        as_of=heard_at - timedelta(seconds=_age(told)),
        is_old=not is_here,
        told=told,
    )
