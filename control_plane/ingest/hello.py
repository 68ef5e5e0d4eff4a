"""What a gateway hears when it connects, and how two boxes with one identity are noticed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.errors import InvalidError
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
    StreamCursor,
)
from shared.messages.hello import LaneMark as MarkMessage
from shared.messages.records import account_stream, gateway_stream

log = logging.getLogger(__name__)

_BOOTS_KEPT: Final = timedelta(days=30)
_ASKED: Final = "asked"  # the Hello of a start that is over, which was to be said anew
TWO_BOXES: Final = "two boxes use this gateway's identity in turns"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer, and whether the gateway may go on."""

    answer: HelloAnswer
    is_halted: bool


class Reception:
    """Answers the gateways of one transaction; what it needs to know is read once for all."""

    def __init__(
        self,
        session: Session,
        ids: Collection[GatewayId],
        *,
        saying_hello: Collection[GatewayId] = (),
    ) -> None:
        self._session = session
        self._now = utc_now()
        self._primary_epoch = commands.primary_epoch(session)
        # Held here, since the session forgets what nobody holds.
        self._states = gateways.states(session, sorted(ids))
        self._streams = _streams(session, ids)
        wanted = {stream for streams in self._streams.values() for stream in streams}
        self._positions = pages.positions(session, sorted(wanted))
        if saying_hello:
            self._marks = marks.lock_marks(session, saying_hello)
            self._halts = _found(session, GatewayHalt, saying_hello)
            self._boots = _found(session, GatewayBoot, saying_hello)

    def answer(self, gateway_id: GatewayId, said: Hello) -> Greeting:
        """Answer a Hello: marks, positions of the streams, the time."""
        session, now = self._session, self._now
        known = self._halts.get(gateway_id)
        boot = self._keep_boot(gateway_id, said)  # So that a person sees all that still call.
        if not known and self._may_be_late(gateway_id, boot, said):
            return Greeting(self._say_it_anew(said), is_halted=True)
        halt = known[0] if known else self._note_twin(gateway_id, boot)
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
            mark = self._marks.get((gateway_id, lane))
            decision = marks.decide(session, gateway_id, lane, lane_said, mark)
            if mark is None:  # It has one now, for what else is said in this transaction.
                self._marks |= marks.lock_marks(session, {gateway_id})
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
            primary_epoch=self._primary_epoch,
            lanes=lanes,
            streams=self._positions_of(gateway_id),
            known_released=tuple(jobs.left_waiting(session, gateway_id)) if is_old_copy else (),
            says=halt.reason if halt is not None else "",
        )
        for event, detail in events:
            _audit(session, gateway_id, event, detail)
        return Greeting(result, halt is not None)

    def on_presence(self, gateway_id: GatewayId, said: Presence) -> bool:
        """Record a heartbeat or a will; False for a will of an earlier boot, which says nothing."""
        session = self._session
        if said.state is PresenceState.GONE:
            state = self._states.get(gateway_id)
            if state is not None and state.boot_id not in {None, said.boot_id}:
                return False
            gateways.on_presence(session, gateway_id, here=False, at=self._now)
            return True
        gateways.on_presence(session, gateway_id, here=True, at=self._now)
        gateways.on_heartbeat(
            session,
            gateway_id,
            at=self._now,
            boot_id=said.boot_id,
            running=codec.to_plain(said.running),
            health=dict(said.health),
        )
        return True

    def beat(self, gateway_id: GatewayId) -> HelloAnswer:
        """Answer a heartbeat: what there is to have, so that a gateway knows how old it is."""
        return HelloAnswer(
            v=VERSION,
            hello_id="",
            time=self._now,
            primary_epoch=self._primary_epoch,
            lanes={},
            streams=self._positions_of(gateway_id),
        )

    def _positions_of(self, gateway_id: GatewayId) -> dict[str, StreamCursor]:
        streams = self._streams[gateway_id]
        return {name: self._positions[name] for name in streams if name in self._positions}

    def _is_newest(self, gateway_id: GatewayId, boot: GatewayBoot) -> bool:
        return boot.ordinal == max(each.ordinal for each in self._boots[gateway_id])

    def _may_be_late(self, gateway_id: GatewayId, boot: GatewayBoot, said: Hello) -> bool:
        """Whether an old Hello is only heard late, from a primary that stood still with it.

        A box that is there says another one when it is asked to, and which one was answered so.
        """
        asked = boot.said.get(_ASKED)
        if self._is_newest(gateway_id, boot):
            boot.said = {name: value for name, value in boot.said.items() if name != _ASKED}
            return False
        boot.said = {**boot.said, _ASKED: said.hello_id}
        if said.anew is not None:
            return asked is None or said.anew != asked
        return asked in {None, said.hello_id}  # An agent that cannot tell.

    def _say_it_anew(self, said: Hello) -> HelloAnswer:
        return HelloAnswer(
            v=VERSION,
            hello_id=said.hello_id,
            time=self._now,
            primary_epoch=self._primary_epoch,
            lanes={},
            streams={},
        )

    def _note_twin(self, gateway_id: GatewayId, boot: GatewayBoot) -> GatewayHalt | None:
        """Park a gateway where a start that another one followed is back: two boxes live."""
        session, now = self._session, self._now
        if self._is_newest(gateway_id, boot):
            return None
        halt = GatewayHalt(gateway_id=gateway_id, reason=TWO_BOXES, at=now)
        session.add(halt)
        session.flush()
        self._halts[gateway_id] = [halt]
        _audit(session, gateway_id, "gateway.parked", {"reason": TWO_BOXES})
        return halt

    def _keep_boot(self, gateway_id: GatewayId, said: Hello) -> GatewayBoot:
        session, now = self._session, self._now
        boots = self._boots.setdefault(gateway_id, [])
        known = next((boot for boot in boots if boot.boot_id == said.boot_id), None)
        facts = said.lanes.get(Lane.FACTS.value)
        told: dict[str, str | int] = {
            "version": said.agent_version[:40],
            "clock": said.time.isoformat(timespec="seconds"),
            "rows": facts.next_seq - 1 if facts else 0,
        }
        if known is not None:
            if _ASKED in known.said:
                told[_ASKED] = known.said[_ASKED]
            known.seen_at, known.said = now, told
            return known
        for old in [old for old in boots if old.seen_at < now - _BOOTS_KEPT]:
            session.delete(old)
            boots.remove(old)
        ordinal = max((boot.ordinal for boot in boots), default=0) + 1
        boot = GatewayBoot(
            gateway_id=gateway_id, boot_id=said.boot_id, ordinal=ordinal, seen_at=now, said=told
        )
        session.add(boot)
        boots.append(boot)
        return boot


def beat(session: Session, gateway_id: GatewayId) -> HelloAnswer:
    """Tell one gateway what there is to have."""
    return Reception(session, {gateway_id}).beat(gateway_id)


def _streams(session: Session, ids: Collection[GatewayId]) -> dict[GatewayId, list[str]]:
    """The streams that gateways may have: their own, and those of the accounts they serve."""
    streams = {gateway_id: [gateway_stream(gateway_id)] for gateway_id in ids}
    for gateway_id, account_id in gateways.now_served(session, ids):
        streams[gateway_id].append(account_stream(account_id))
    return streams


T = TypeVar("T", GatewayBoot, GatewayHalt)


def _found(session: Session, kind: type[T], ids: Collection[GatewayId]) -> dict[GatewayId, list[T]]:
    query = select(kind).where(bulk.among(session, kind.gateway_id, ids))
    found: dict[GatewayId, list[T]] = {}
    for row in session.scalars(query.execution_options(populate_existing=True)):
        found.setdefault(row.gateway_id, []).append(row)
    return found


def halted(session: Session, ids: Collection[GatewayId]) -> set[GatewayId]:
    """Which of these gateways are parked until a person chooses."""
    query = select(GatewayHalt.gateway_id).where(bulk.among(session, GatewayHalt.gateway_id, ids))
    return set(session.scalars(query))


def not_heard_since(session: Session, moment: datetime) -> list[str]:
    """Names of the gateways that have not said Hello since a moment."""
    heard = select(GatewayBoot.gateway_id).where(GatewayBoot.seen_at >= moment)
    return gateways.names_of_enrolled(session, without=set(session.scalars(heard)))


def find_halt(session: Session, gateway_id: GatewayId) -> GatewayHalt | None:
    return session.get(GatewayHalt, gateway_id)


def list_boots(session: Session, gateway_id: GatewayId) -> Sequence[GatewayBoot]:
    """List the starts that were seen under a gateway's identity, the last heard first."""
    return session.scalars(
        select(GatewayBoot)
        .where(GatewayBoot.gateway_id == gateway_id)
        .order_by(GatewayBoot.seen_at.desc(), GatewayBoot.ordinal.desc())
    ).all()


def resolve_halt(session: Session, gateway_id: GatewayId, by: Actor, *, chosen: str = "") -> bool:
    """Let one box be the gateway again; a person has switched the other one off.

    ``chosen`` names the start of the box that stays: should the other one speak, both are parked
    again. Without it, whichever speaks next is the gateway.

    Raises:
        InvalidError: No such start was seen.
    """
    halt = session.get(GatewayHalt, gateway_id)
    if halt is None:
        return False
    boots = {boot.boot_id: boot for boot in list_boots(session, gateway_id)}
    if chosen and chosen not in boots:
        raise InvalidError("boot_id", "no such box was heard")
    session.delete(halt)
    if chosen:
        boots[chosen].ordinal = max(boot.ordinal for boot in boots.values()) + 1
    else:
        session.execute(delete(GatewayBoot).where(GatewayBoot.gateway_id == gateway_id))
    session.flush()
    gateway = gateways.get_by_id(session, gateway_id)
    audit.record(
        session, from_text(gateway.tenant), "gateway.unparked", by, subject_kind="gateway",
        subject_id=gateway_id, detail={"name": gateway.name, "boot_id": chosen},
    )  # fmt: skip
    return True


def _audit(session: Session, gateway_id: GatewayId, event: str, detail: dict[str, str]) -> None:
    gateway = gateways.get_by_id(session, gateway_id)
    audit.record(
        session, from_text(gateway.tenant), event, Actor("gateway", gateway_id, gateway.name),
        subject_kind="gateway", subject_id=gateway_id, detail=detail,
        outcome="ok" if event == "gateway.new-epoch" else "refused",
    )  # fmt: skip
