"""A payload of facts: mark and effects in one transaction, then the acknowledgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from control_plane.ingest import marks, parking
from shared.ids import GatewayId
from shared.messages import envelope
from shared.messages.envelope import Batch, Lane
from shared.messages.hello import VERSION, Ack


class MarkMovedError(Exception):
    """Somebody else moved a mark that we had locked: nothing of this transaction holds."""


@dataclass(slots=True)
class _Place:
    """Where a lane stands while payloads of a transaction are looked at, one after the other."""

    epoch: str
    upto_seq: int
    chain: str
    began: int  # its first row in this transaction


def receive(session: Session, gateway_id: GatewayId, batch: Batch) -> Ack:
    """Apply what is new of one batch; the answer is for after the commit."""
    return receive_all(session, [(gateway_id, batch)])[0]


def receive_all(session: Session, batches: Sequence[tuple[GatewayId, Batch]]) -> list[Ack]:
    """Apply what is new of batches, in order; their answers are for after the commit.

    A repeat is answered with the mark, a gap by asking for what is missing. Rows whose chain does
    not fit ours are not applied: ``want`` 0 lets the gateway say Hello, and chains be compared.

    Raises:
        MarkMovedError: A mark was not where it was read; nothing may be committed.
    """
    places = {
        (gateway_id, lane): _Place(epoch, seq, chain, seq + 1)
        for gateway_id, lane, epoch, seq, chain in marks.lock_ends(
            session, {gateway_id for gateway_id, _ in batches}
        )
    }
    acks, fresh = list[Ack](), list[tuple[GatewayId, Batch]]()
    for gateway_id, batch in batches:
        ack, rest = _look(places.get((gateway_id, batch.header.lane)), batch)
        acks.append(ack)
        if rest is not None:
            fresh.append((gateway_id, rest))
    moves = [
        marks.Move(*key, place.epoch, place.began, place.upto_seq, bytes.fromhex(place.chain))
        for key, place in places.items()
        if place.upto_seq >= place.began
    ]
    if not marks.advance(session, moves):
        raise MarkMovedError
    if fresh:
        parking.apply_or_park(session, fresh)
    return acks


def _look(mark: _Place | None, batch: Batch) -> tuple[Ack, Batch | None]:
    """Answer a batch, move its mark over it, and tell what of it is to be applied."""
    lane = batch.header.lane
    if mark is None or mark.epoch != batch.header.epoch:
        # It did not say Hello under this epoch, or we forgot (a restored backup).
        return Ack(VERSION, lane, batch.header.epoch, 0, want=0), None
    fresh = _trim(batch, mark)
    if not fresh.rows:
        return _ack(lane, mark), None
    if fresh.header.first != mark.upto_seq + 1 and not _was_dropped(fresh, mark):
        return _ack(lane, mark, want=mark.upto_seq + 1), None
    if fresh.header.prev != mark.chain and not fresh.header.dropped:
        return _ack(lane, mark, want=0), None
    chain = envelope.chain_over(bytes.fromhex(fresh.header.prev), [row.raw for row in fresh.rows])
    mark.upto_seq, mark.chain = fresh.last, chain.hex()
    return _ack(lane, mark), fresh


def _trim(batch: Batch, mark: _Place) -> Batch:
    """Leave out the rows that are committed already; the chain runs on through them."""
    known = mark.upto_seq - batch.header.first + 1
    if known <= 0:
        return batch
    prev = envelope.chain_over(
        bytes.fromhex(batch.header.prev), [row.raw for row in batch.rows[:known]]
    )
    header = replace(batch.header, first=mark.upto_seq + 1, prev=prev.hex(), dropped=0)
    return Batch(header, batch.rows[known:])


def _was_dropped(batch: Batch, mark: _Place) -> bool:
    """Whether the gateway says that it gave up the rows that are missing; telemetry alone may."""
    missing = batch.header.first - mark.upto_seq - 1
    return batch.header.lane is Lane.TELEMETRY and 0 < missing <= batch.header.dropped


def _ack(lane: Lane, mark: _Place, *, want: int | None = None) -> Ack:
    return Ack(VERSION, lane, mark.epoch, mark.upto_seq, want)
