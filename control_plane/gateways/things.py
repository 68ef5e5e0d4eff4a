"""How single readers and printers are, as the gateway that looks after them last said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.gateways import repository
from control_plane.gateways.models import GatewayState
from shared.ids import AccountId

# Older than a few heartbeats: it is not a hiccup of the line.
SILENT_AFTER: Final = timedelta(seconds=150)
_LONGEST: Final = 300
_A_DAY: Final = 86_400


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
    age = told.get("age_seconds")
    ago = timedelta(seconds=age) if isinstance(age, int) and 0 <= age < _A_DAY else timedelta()
    return ThingState(
        ok=bool(told.get("ok")),
        says=str(told.get("says") or "")[:_LONGEST],
        as_of=state.last_seen_at - ago,
        is_old=not is_here,
        told=told,
    )
