"""How gateways are, as they say themselves; written by the link, shown with its "as of"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from control_plane.gateways import things
from control_plane.gateways.models import GatewayState
from shared.ids import GatewayId


def on_presence(session: Session, gateway_id: GatewayId, *, here: bool, at: datetime) -> None:
    """Record a birth or a will; an older one than we know changes nothing."""
    state = _state(session, gateway_id)
    if state.presence_at is not None and at < state.presence_at:
        return
    state.presence, state.presence_at = "here" if here else "gone", at
    if here:
        state.last_seen_at = at


def on_heartbeat(
    session: Session,
    gateway_id: GatewayId,
    *,
    at: datetime,
    boot_id: str | None = None,
    received: Mapping[str, Any] | None = None,
    running: Mapping[str, Any] | None = None,
    health: Mapping[str, Any] | None = None,
) -> None:
    """Record what a gateway says about itself; what it does not say stays."""
    state = _state(session, gateway_id)
    if state.last_seen_at is not None and at < state.last_seen_at:
        return
    state.last_seen_at = at
    if health is not None:
        health = things.after_heartbeat(state.health, health, at)
    for name, value in (
        ("boot_id", boot_id),
        ("received", received),
        ("running", running),
        ("health", health),
    ):
        if value is not None:
            setattr(state, name, dict(value) if isinstance(value, Mapping) else value)


def _state(session: Session, gateway_id: GatewayId) -> GatewayState:
    state = session.get(GatewayState, gateway_id)
    if state is None:
        state = GatewayState(
            gateway_id=gateway_id, presence="gone", received={}, running={}, health={}
        )
        session.add(state)
    return state


def set_pusher(session: Session, gateway_id: GatewayId, name: str) -> None:
    """Note which primary brings this gateway its changes: the one that answered its Hello."""
    state = _state(session, gateway_id)
    if state.pushed_by != name:
        state.pushed_by = name


def pushed_by(session: Session, ids: Sequence[GatewayId], name: str) -> set[GatewayId]:
    """Tell which of some gateways a primary brings changes to."""
    query = select(GatewayState.gateway_id).where(
        GatewayState.gateway_id.in_(ids), GatewayState.pushed_by == name
    )
    return set(session.scalars(query))


def take_over(session: Session, name: str, serving: Sequence[str]) -> Sequence[GatewayId]:
    """Give a primary the gateways of those that serve no more; returns the ones that are here."""
    orphaned = (GatewayState.pushed_by.is_not(None), GatewayState.pushed_by.not_in(serving))
    # Looked for first: nearly always there is none, and a look locks nothing.
    if session.scalar(select(GatewayState.gateway_id).where(*orphaned).limit(1)) is None:
        return ()
    taken = session.execute(
        update(GatewayState)
        .where(*orphaned)
        .values(pushed_by=name)
        .returning(GatewayState.gateway_id, GatewayState.presence)
        .execution_options(synchronize_session=False)
    )
    return sorted(gateway_id for gateway_id, presence in taken if presence == "here")


def list_pushed_by(session: Session, name: str) -> Sequence[GatewayId]:
    """List the gateways that are here and a primary's own."""
    query = select(GatewayState.gateway_id).where(
        GatewayState.pushed_by == name, GatewayState.presence == "here"
    )
    return session.scalars(query).all()
