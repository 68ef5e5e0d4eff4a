"""Pages of a stream: what changed after a cursor, or all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.feed.models import FeedRow, FeedStream
from shared.ids import GatewayId, new_id
from shared.messages import codec, feed
from shared.messages.feed import FeedPage, SnapshotPart
from shared.messages.hello import StreamCursor

# Plain columns: an account of twenty thousand people is read as rows, not as objects.
_COLUMNS: Final = select(
    FeedRow.kind, FeedRow.id, FeedRow.version, FeedRow.changed_seq, FeedRow.deleted, FeedRow.data
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """For whom pages are made, and when."""

    gateway_id: GatewayId
    now: datetime


def position(session: Session, stream: str) -> StreamCursor | None:
    """Tell how far a stream is; None where nothing was ever published in it."""
    row = session.get(FeedStream, stream, populate_existing=True)
    return None if row is None else StreamCursor(row.feed_epoch, row.changed_seq)


def positions(session: Session, streams: Sequence[str]) -> dict[str, StreamCursor]:
    rows = session.execute(
        select(FeedStream.stream, FeedStream.feed_epoch, FeedStream.changed_seq).where(
            FeedStream.stream.in_(streams)
        )
    )
    return {stream: StreamCursor(epoch, seq) for stream, epoch, seq in rows}


def can_continue(session: Session, stream: str, cursor: StreamCursor | None) -> bool:
    """Whether changes after the cursor are enough; otherwise only a snapshot is the truth."""
    row = session.get(FeedStream, stream, populate_existing=True)
    if row is None or cursor is None or cursor.feed_epoch != row.feed_epoch:
        return False
    return row.horizon <= cursor.changed_seq <= row.changed_seq


def changes(session: Session, to: Recipient, stream: str, after: int) -> FeedPage | None:
    """Make the page of changes after a number; None where there are none."""
    # The counter is read before the rows: what is committed between the two comes again.
    where = position(session, stream)
    if where is None or after >= where.changed_seq:
        return None
    found = session.execute(
        _COLUMNS.where(FeedRow.stream == stream, FeedRow.changed_seq > after)
        .order_by(FeedRow.changed_seq)
        .limit(feed.MAX_PAGE_ROWS)
    ).all()
    rows = next(_fitting(found), [])
    more = len(rows) < len(found) or len(found) == feed.MAX_PAGE_ROWS
    upto = rows[-1].seq if more else max([where.changed_seq, *(row.seq for row in rows)])
    return _page(to, stream, StreamCursor(where.feed_epoch, upto), rows, after=after, more=more)


def snapshot(session: Session, to: Recipient, stream: str) -> Iterator[FeedPage]:
    """Make all of a stream, in parts."""
    where = position(session, stream)
    if where is None:
        return
    found = session.execute(
        _COLUMNS.where(FeedRow.stream == stream, FeedRow.deleted.is_(False)).order_by(
            FeedRow.kind, FeedRow.id
        )
    ).all()
    parts = list(_fitting(found)) or [[]]
    snapshot_id = new_id()
    for n, rows in enumerate(parts):
        part = SnapshotPart(snapshot_id, n, last=n == len(parts) - 1)
        yield _page(to, stream, where, rows, part=part, more=not part.last)


def confirmation(to: Recipient, stream: str, at: StreamCursor) -> FeedPage:
    """Say that nothing is newer than a cursor."""
    return _page(to, stream, at, [], after=at.changed_seq)


def _page(
    to: Recipient,
    stream: str,
    upto: StreamCursor,
    rows: Sequence[feed.FeedRow],
    *,
    after: int = 0,
    part: SnapshotPart | None = None,
    more: bool = False,
) -> FeedPage:
    return FeedPage(
        v=feed.VERSION,
        gateway_id=to.gateway_id,
        stream=stream,
        feed_epoch=upto.feed_epoch,
        after=after,
        upto=upto.changed_seq,
        rows=tuple(rows),
        issued_at=to.now,
        snapshot=part,
        more=more,
    )


def _fitting(found: Sequence[Any]) -> Iterator[list[feed.FeedRow]]:
    """Cut rows into pieces that fit a page each."""
    piece: list[feed.FeedRow] = []
    size = 0
    for row in found:
        room = len(codec.dumps(row.data)) + 200
        size += room
        if piece and (size > feed.MAX_PAGE_BYTES or len(piece) == feed.MAX_PAGE_ROWS):
            yield piece
            piece, size = [], room
        data = None if row.deleted else row.data
        piece.append(
            feed.FeedRow(row.kind, row.id, row.version, row.changed_seq, row.deleted, data)
        )
    if piece:
        yield piece
