"""How far each lane of each gateway is committed, and what to ask of a lane that says Hello."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.database import utc_now
from control_plane.ingest import parking
from control_plane.ingest.models import LaneEpoch, LaneMark
from control_plane.jobs import service as jobs
from shared.ids import GatewayId
from shared.messages import envelope
from shared.messages.envelope import Lane
from shared.messages.hello import LaneAction, LaneHello
from shared.messages.hello import LaneMark as MarkMessage

# What a new epoch means, by why it began.
EVENTS: Final = {
    "behind": "gateway.rolled-back",
    "forked": "gateway.rolled-back",
    "pruned": "gateway.facts-missing",
}

IDENTITY: Final = "identity"  # the disk became this gateway, and was another one


@dataclass(frozen=True, slots=True)
class Decision:
    """What a lane is told, and what the audit should know."""

    mark: MarkMessage
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A mark that goes over rows ``first`` to ``upto``."""

    gateway_id: GatewayId
    lane: Lane
    epoch: str
    first: int
    upto: int
    chain: bytes  # after ``upto``


def lock_marks(
    session: Session, ids: Collection[GatewayId]
) -> dict[tuple[GatewayId, Lane], LaneMark]:
    """Read marks as they are now, and keep others from moving them until the commit.

    In one order: two primaries that want the same two marks do not wait for each other.
    """
    query = (
        select(LaneMark)
        .where(bulk.among(session, LaneMark.gateway_id, ids))
        .order_by(LaneMark.gateway_id, LaneMark.lane)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(mark.gateway_id, Lane(mark.lane)): mark for mark in session.scalars(query)}


def lock_ends(
    session: Session, ids: Collection[GatewayId]
) -> list[tuple[GatewayId, Lane, str, int, str]]:
    """The same for those who apply rows: gateway, lane, epoch, number and chain of each."""
    columns = (LaneMark.gateway_id, LaneMark.lane, LaneMark.epoch, LaneMark.upto_seq)
    query = (
        select(*columns, LaneMark.chain)
        .where(bulk.among(session, LaneMark.gateway_id, ids))
        .order_by(LaneMark.gateway_id, LaneMark.lane)
        .with_for_update()
    )
    return [
        (gateway_id, Lane(lane), epoch, seq, chain)
        for gateway_id, lane, epoch, seq, chain in session.execute(query)
    ]


def find_mark(session: Session, gateway_id: GatewayId, lane: Lane) -> LaneMark | None:
    """Read and lock one mark."""
    return lock_marks(session, {gateway_id}).get((gateway_id, lane))


def advance(session: Session, moves: Sequence[Move]) -> bool:
    """Move marks, one move each; False where somebody else moved one of them."""
    if not moves:
        return True
    now = utc_now()
    moved = bulk.compare_and_set(
        session,
        LaneMark,
        [
            {
                "gateway_id": move.gateway_id,
                "lane": move.lane.value,
                "was_epoch": move.epoch,
                "was_upto_seq": move.first - 1,
                "upto_seq": move.upto,
                "chain": move.chain.hex(),
                "changed_at": now,
            }
            for move in moves
        ],
    )
    return moved == len(moves)


def on_hello(session: Session, gateway_id: GatewayId, lane: Lane, said: LaneHello) -> Decision:
    """Decide where a lane goes on; see shared/messages/hello.py for the words.

    An epoch that was left never comes back; one that we never heard of follows the present one,
    once we have everything of the present one that its gateway had.
    """
    return decide(session, gateway_id, lane, said, find_mark(session, gateway_id, lane))


def decide(
    session: Session, gateway_id: GatewayId, lane: Lane, said: LaneHello, mark: LaneMark | None
) -> Decision:
    """The same about a mark that was read and locked."""
    if mark is None:
        return _begin(session, gateway_id, lane, said)
    if mark.epoch == said.epoch:
        return _continue(session, mark, said)
    if session.get(LaneEpoch, (gateway_id, lane.value, said.epoch)) is not None:
        says = "this database is an older copy: another epoch has begun since"
        return _begin_anew(session, mark, says)
    if said.previous is not None and said.previous.epoch == mark.epoch:
        if said.previous.seq > mark.upto_seq:
            return _decide(LaneAction.RESEND, mark, "first the rest of the epoch before")
    elif lane is Lane.FACTS and _was_elsewhere(session, mark, said):
        return _ask_what_it_has(session, mark, said)
    return _follow(session, mark, said)


def _was_elsewhere(session: Session, mark: LaneMark, said: LaneHello) -> bool:
    """Whether this disk was another gateway's before, or spoke to a primary that is lost."""
    if said.previous is None:
        return False
    return session.get(LaneEpoch, (mark.gateway_id, mark.lane, said.previous.epoch)) is None


def _ask_what_it_has(session: Session, mark: LaneMark, said: LaneHello) -> Decision:
    """Let it begin once more, and so tell which jobs it has: what became of them, we do not know.

    The epoch that it came with is thereby one that was left; all of its rows go along.
    """
    _remember_epoch(session, mark, said, utc_now())
    asked = _begin_anew(session, mark, "it follows an epoch that was never told of here").mark
    start = envelope.chain_start(mark.gateway_id, Lane(mark.lane), said.epoch).hex()
    return Decision(replace(asked, epoch=said.epoch, upto_seq=0, chain=start))


def _begin(session: Session, gateway_id: GatewayId, lane: Lane, said: LaneHello) -> Decision:
    mark = LaneMark(
        gateway_id=gateway_id,
        lane=lane.value,
        epoch=said.epoch,
        upto_seq=0,
        chain=envelope.chain_start(gateway_id, lane, said.epoch).hex(),
        home_epoch=1,
        changed_at=utc_now(),
    )
    session.add(mark)
    _remember_epoch(session, mark, said, utc_now())
    session.flush()
    return _decide(LaneAction.CONTINUE, mark)


def _continue(session: Session, mark: LaneMark, said: LaneHello) -> Decision:
    has = said.next_seq - 1
    if mark.upto_seq > has:
        says = f"this database ends at {has}, and {mark.upto_seq} is committed"
        return _begin_anew(session, mark, says)
    if said.trouble or (mark.upto_seq == has and mark.chain != said.chain):
        return _begin_anew(session, mark, "the rows differ from the committed ones")
    return _decide(LaneAction.CONTINUE, mark)


def _begin_anew(session: Session, mark: LaneMark, says: str) -> Decision:
    """Ask for a new epoch, and give out a home epoch that no box of this gateway ever had.

    A backup of the primary does not know what was given out since; what was told since, it does.
    """
    told = jobs.newest_home_epoch(session, mark.gateway_id)
    mark.home_epoch = max(mark.home_epoch, told) + 1
    session.flush()
    asked = MarkMessage(
        LaneAction.NEW_EPOCH, mark.epoch, mark.upto_seq, mark.chain, says, mark.home_epoch
    )
    return Decision(asked)


def _follow(session: Session, mark: LaneMark, said: LaneHello) -> Decision:
    now = utc_now()
    left = session.get(LaneEpoch, (mark.gateway_id, mark.lane, mark.epoch))
    if left is not None:
        left.ended_at, left.upto_seq = now, mark.upto_seq
    mark.epoch, mark.upto_seq, mark.changed_at = said.epoch, 0, now
    start = envelope.chain_start(mark.gateway_id, Lane(mark.lane), said.epoch)
    mark.chain = start.hex()
    _remember_epoch(session, mark, said, now)
    session.flush()
    if said.previous is None and mark.lane == Lane.FACTS.value:
        jobs.on_another_disk(session, mark.gateway_id, now)
        newer = max(mark.home_epoch, jobs.newest_home_epoch(session, mark.gateway_id)) + 1
        parking.on_another_disk(session, mark.gateway_id, before_epoch=newer, at=now)
    why = _why(session, mark, said)
    event = EVENTS.get(why, "gateway.new-epoch")
    return _decide(LaneAction.CONTINUE, mark, f"{why}: a new epoch", event)


def _why(session: Session, mark: LaneMark, said: LaneHello) -> str:
    """Why this epoch began; one that follows another's identity was asked for, not set back."""
    if said.previous is None:
        return said.why
    before = session.get(LaneEpoch, (mark.gateway_id, mark.lane, said.previous.epoch))
    is_asked = before is not None and before.why == IDENTITY and not before.upto_seq
    return IDENTITY if is_asked else said.why


def _remember_epoch(session: Session, mark: LaneMark, said: LaneHello, now: datetime) -> None:
    session.add(
        LaneEpoch(
            gateway_id=mark.gateway_id,
            lane=mark.lane,
            epoch=said.epoch,
            previous=said.previous.epoch if said.previous else None,
            why=said.why[:40],
            began_at=now,
            ended_at=None,
            upto_seq=0,
        )
    )


def _decide(
    action: LaneAction, mark: LaneMark, says: str = "", event: str | None = None
) -> Decision:
    return Decision(MarkMessage(action, mark.epoch, mark.upto_seq, mark.chain, says), event)
