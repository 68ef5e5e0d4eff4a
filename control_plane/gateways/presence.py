"""How gateways are, as they say themselves; written by the link, shown with its "as of"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

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
    session.flush()


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
    for name, value in (
        ("boot_id", boot_id),
        ("received", received),
        ("running", running),
        ("health", health),
    ):
        if value is not None:
            setattr(state, name, dict(value) if isinstance(value, Mapping) else value)
    session.flush()


def _state(session: Session, gateway_id: GatewayId) -> GatewayState:
    state = session.get(GatewayState, gateway_id)
    if state is None:
        state = GatewayState(
            gateway_id=gateway_id, presence="gone", received={}, running={}, health={}
        )
        session.add(state)
    return state
