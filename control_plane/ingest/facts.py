"""A payload of facts: mark and effects in one transaction, then the acknowledgement."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from control_plane.ingest import marks, parking
from control_plane.ingest.models import LaneMark
from shared.ids import GatewayId
from shared.messages import envelope
from shared.messages.envelope import Batch, Lane
from shared.messages.hello import VERSION, Ack


def receive(session: Session, gateway_id: GatewayId, batch: Batch) -> Ack:
    """Apply what is new of a batch; the answer is for after the commit.

    A repeat is answered with the mark, a gap by asking for what is missing. Rows whose chain does
    not fit ours are not applied: ``want`` 0 lets the gateway say Hello, and chains be compared.
    """
    lane = batch.header.lane
    mark = marks.find_mark(session, gateway_id, lane)
    if mark is None or mark.epoch != batch.header.epoch:
        # It did not say Hello under this epoch, or we forgot (a restored backup).
        return Ack(VERSION, lane, batch.header.epoch, 0, want=0)
    fresh = _trim(batch, mark)
    if not fresh.rows:
        return _ack(mark)
    if fresh.header.first != mark.upto_seq + 1 and not _was_dropped(fresh, mark):
        return _ack(mark, want=mark.upto_seq + 1)
    if fresh.header.prev != mark.chain and not fresh.header.dropped:
        return _ack(mark, want=0)
    first = mark.upto_seq + 1
    chain = envelope.chain_over(bytes.fromhex(fresh.header.prev), [row.raw for row in fresh.rows])
    if not marks.advance(session, mark, first=first, upto=fresh.last, chain=chain):
        return _ack(mark, want=0)
    parking.apply_or_park(session, [(gateway_id, fresh)])
    return Ack(VERSION, lane, mark.epoch, fresh.last)


def _trim(batch: Batch, mark: LaneMark) -> Batch:
    """Leave out the rows that are committed already; the chain runs on through them."""
    known = mark.upto_seq - batch.header.first + 1
    if known <= 0:
        return batch
    prev = envelope.chain_over(
        bytes.fromhex(batch.header.prev), [row.raw for row in batch.rows[:known]]
    )
    header = replace(batch.header, first=mark.upto_seq + 1, prev=prev.hex(), dropped=0)
    return Batch(header, batch.rows[known:])


def _was_dropped(batch: Batch, mark: LaneMark) -> bool:
    """Whether the gateway says that it gave up the rows that are missing; telemetry alone may."""
    missing = batch.header.first - mark.upto_seq - 1
    return batch.header.lane is Lane.TELEMETRY and 0 < missing <= batch.header.dropped


def _ack(mark: LaneMark, *, want: int | None = None) -> Ack:
    return Ack(VERSION, Lane(mark.lane), mark.epoch, mark.upto_seq, want)
