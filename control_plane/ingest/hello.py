"""What a gateway hears when it connects, and how two boxes with one identity are noticed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.feed import signed_pages as pages
from control_plane.gateways import service as gateways
from control_plane.ingest import marks
from control_plane.ingest.models import GatewayBoot, GatewayHalt
from control_plane.jobs import service as jobs
from control_plane.tenants import from_text
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.envelope import Lane
from shared.messages.hello import (
    VERSION,
    Hello,
    HelloAnswer,
    LaneAction,
    Presence,
    PresenceState,
)
from shared.messages.hello import LaneMark as MarkMessage
from shared.messages.records import account_stream, gateway_stream

log = logging.getLogger(__name__)

_BOOTS_KEPT: Final = timedelta(days=30)
TWO_BOXES: Final = "two boxes use this gateway's identity in turns"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer, and whether the gateway may go on."""

    answer: HelloAnswer
    is_halted: bool


def answer(session: Session, gateway_id: GatewayId, said: Hello) -> Greeting:
    """Answer a Hello: marks, positions of the streams, the time."""
    now = utc_now()
    halt = session.get(GatewayHalt, gateway_id) or _note_boot(session, gateway_id, said, now)
    lanes, events = {}, []
    for lane in Lane:
        lane_said = said.lanes.get(lane.value)
        if lane_said is None:
            continue
        if halt is not None:
            lanes[lane.value] = MarkMessage(
                LaneAction.PARKED, lane_said.epoch, 0, None, halt.reason
            )
            continue
        decision = marks.on_hello(session, gateway_id, lane, lane_said)
        lanes[lane.value] = decision.mark
        if decision.event is not None:
            events.append((decision.event, {"lane": lane.value, "says": decision.mark.says}))
    is_old_copy = any(mark.action is LaneAction.NEW_EPOCH for mark in lanes.values())
    gateways.on_heartbeat(
        session,
        gateway_id,
        at=now,
        boot_id=said.boot_id,
        received=codec.to_plain(said.streams),
        running=codec.to_plain(said.running),
    )
    gateways.on_presence(session, gateway_id, here=True, at=now)
    result = HelloAnswer(
        v=VERSION,
        hello_id=said.hello_id,
        time=now,
        primary_epoch=commands.primary_epoch(session),
        lanes=lanes,
        streams=pages.positions(session, streams_of(session, gateway_id)),
        known_released=tuple(jobs.left_waiting(session, gateway_id)) if is_old_copy else (),
        says=halt.reason if halt is not None else "",
    )
    for event, detail in events:
        _audit(session, gateway_id, event, detail)
    return Greeting(result, halt is not None)


def on_presence(session: Session, gateway_id: GatewayId, said: Presence) -> bool:
    """Record a heartbeat or a will; False for a will of an earlier boot, which says nothing."""
    now = utc_now()
    if said.state is PresenceState.GONE:
        state = gateways.states(session, [gateway_id]).get(gateway_id)
        if state is not None and state.boot_id not in {None, said.boot_id}:
            return False
        gateways.on_presence(session, gateway_id, here=False, at=now)
        return True
    gateways.on_presence(session, gateway_id, here=True, at=now)
    gateways.on_heartbeat(
        session,
        gateway_id,
        at=now,
        boot_id=said.boot_id,
        running=codec.to_plain(said.running),
        health=dict(said.health),
    )
    return True


def beat(session: Session, gateway_id: GatewayId) -> HelloAnswer:
    """Answer a heartbeat: what there is to have, so that a gateway knows how old it is."""
    return HelloAnswer(
        v=VERSION,
        hello_id="",
        time=utc_now(),
        primary_epoch=commands.primary_epoch(session),
        lanes={},
        streams=pages.positions(session, streams_of(session, gateway_id)),
    )


def streams_of(session: Session, gateway_id: GatewayId) -> list[str]:
    """List the streams that a gateway may have: its own, and those of the accounts it serves."""
    served = gateways.served_accounts(session, gateway_id)
    return [gateway_stream(gateway_id), *(account_stream(account_id) for account_id in served)]


def find_halt(session: Session, gateway_id: GatewayId) -> GatewayHalt | None:
    return session.get(GatewayHalt, gateway_id)


def resolve_halt(session: Session, gateway_id: GatewayId, by: Actor) -> bool:
    """Let the box that speaks next be the gateway; a person has switched the other one off."""
    halt = session.get(GatewayHalt, gateway_id)
    if halt is None:
        return False
    session.delete(halt)
    session.execute(delete(GatewayBoot).where(GatewayBoot.gateway_id == gateway_id))
    session.flush()
    gateway = gateways.get_by_id(session, gateway_id)
    audit.record(
        session, from_text(gateway.tenant), "gateway.unparked", by, subject_kind="gateway",
        subject_id=gateway_id,
    )  # fmt: skip
    return True


def _note_boot(
    session: Session, gateway_id: GatewayId, said: Hello, now: datetime
) -> GatewayHalt | None:
    """Remember the start of an agent. One that was followed by another and comes back is a twin."""
    newest = session.scalar(
        select(func.max(GatewayBoot.ordinal)).where(GatewayBoot.gateway_id == gateway_id)
    )
    known = session.get(GatewayBoot, (gateway_id, said.boot_id))
    if known is None:
        session.add(
            GatewayBoot(
                gateway_id=gateway_id,
                boot_id=said.boot_id,
                ordinal=(newest or 0) + 1,
                seen_at=now,
            )
        )
        _forget_old_boots(session, gateway_id, now)
        return None
    known.seen_at = now
    if known.ordinal == newest:
        return None
    halt = GatewayHalt(gateway_id=gateway_id, reason=TWO_BOXES, at=now)
    session.add(halt)
    session.flush()
    _audit(session, gateway_id, "gateway.parked", {"reason": TWO_BOXES})
    return halt


def _forget_old_boots(session: Session, gateway_id: GatewayId, now: datetime) -> None:
    session.flush()
    session.execute(
        delete(GatewayBoot).where(
            GatewayBoot.gateway_id == gateway_id, GatewayBoot.seen_at < now - _BOOTS_KEPT
        )
    )


def _audit(session: Session, gateway_id: GatewayId, event: str, detail: dict[str, str]) -> None:
    gateway = gateways.get_by_id(session, gateway_id)
    audit.record(
        session, from_text(gateway.tenant), event, Actor("gateway", gateway_id, gateway.name),
        subject_kind="gateway", subject_id=gateway_id, detail=detail,
        outcome="ok" if event == "gateway.new-epoch" else "refused",
    )  # fmt: skip
