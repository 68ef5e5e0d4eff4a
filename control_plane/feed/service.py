"""The change feed's tables: what noun services publish and retract in their own transaction.

The number of a change is taken from its stream's row, which stays locked until the commit: the
order of numbers is the order of commits. Take this lock before the audit's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import delete, event, func, select, update
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.feed.models import FeedRow, FeedStream
from control_plane.upsert import insert_for
from shared.messages import codec
from shared.messages.records import KINDS

TOMBSTONES_KEPT: Final = timedelta(days=400)
_AT_ONCE: Final = 500
_TOUCHED: Final = "spoolhouse_feed_streams"
_KIND_OF: Final = {record: kind for kind, record in KINDS.items()}


T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def publish(session: Session, stream: str, record: Any) -> bool:
    """Put a record (shared.messages.records) as it is now; False where nothing changed."""
    return publish_all(session, stream, [record]) == 1


def publish_all(session: Session, stream: str, records: Iterable[Any]) -> int:
    """Put many records of one stream; returns how many changed."""
    rows = [(_KIND_OF[type(record)], record.id, codec.to_plain(record)) for record in records]
    return put(session, stream, rows)


def put(session: Session, stream: str, rows: Iterable[tuple[str, str, dict[str, Any]]]) -> int:
    """Put (kind, id, data); a row that says what it said already is left alone."""
    count = 0
    for some in batched(rows, _AT_ONCE):
        known = _known(session, stream, [row_id for _, row_id, _ in some])
        new = [row for row in some if known.get(row[:2]) != row[2]]
        _write(session, stream, new, deleted=False)
        count += len(new)
    return count


def retract(session: Session, stream: str, kind: str | type[Any], row_id: str) -> bool:
    """Leave a tombstone; False where there was nothing."""
    name = kind if isinstance(kind, str) else _KIND_OF[kind]
    if (name, row_id) not in _known(session, stream, [row_id]):
        return False
    _write(session, stream, [(name, row_id, {})], deleted=True)
    return True


def forbid(session: Session, stream: str, kind: type[Any], row_id: str) -> None:
    """Leave a tombstone for what was never there: a gateway took it for granted, and is wrong."""
    _write(session, stream, [(_KIND_OF[kind], row_id, {})], deleted=True)


def was_told(session: Session, stream: str, kind: type[Any], row_id: str) -> bool:
    """Whether gateways were told of a thing, or of its end."""
    return (
        session.get(FeedRow, (stream, _KIND_OF[kind], row_id), populate_existing=True) is not None
    )


def take_numbers(session: Session, stream: str, count: int = 1) -> int:
    """Take the stream's next numbers and return the first; the stream begins where it is new.

    Every row has a number of its own, so that a page may end after any row.
    """
    session.flush()
    last = _advance(session, stream, count)
    if last is None:
        begin = insert_for(session, FeedStream).values(
            stream=stream,
            feed_epoch=secrets.token_hex(16),
            changed_seq=0,
            horizon=0,
            changed_at=utc_now(),
        )
        session.execute(begin.on_conflict_do_nothing())
        last = _advance(session, stream, count)
    assert last is not None
    session.info.setdefault(_TOUCHED, set()).add(stream)
    return last - count + 1


def hold(session: Session, stream: str) -> None:
    """Let nobody else publish on a stream until the commit: what is read from now on is newest."""
    take_numbers(session, stream, 0)


def find_row(session: Session, stream: str, kind: str, row_id: str) -> FeedRow | None:
    """Find what gateways have of a thing; a tombstone is nothing."""
    row = session.get(FeedRow, (stream, kind, row_id), populate_existing=True)
    return None if row is None or row.deleted else row


def list_rows(session: Session, stream: str, kind: str, *, prefix: str = "") -> Sequence[FeedRow]:
    """List what gateways have of a kind, tombstones left out."""
    query = select(FeedRow).where(FeedRow.stream == stream, FeedRow.kind == kind)
    query = query.where(FeedRow.deleted.is_(False), FeedRow.id.startswith(prefix, autoescape=True))
    return session.scalars(query.execution_options(populate_existing=True)).all()


def renew_epochs(session: Session) -> None:
    """Give every stream a new epoch: after a restore, numbers begin to mean other rows."""
    for stream in session.scalars(select(FeedStream)):
        stream.feed_epoch, stream.changed_at = secrets.token_hex(16), utc_now()


def prune_tombstones(session: Session, now: datetime | None = None) -> int:
    """Erase tombstones that no gateway can need; who is behind them gets a snapshot."""
    before = (now or utc_now()) - TOMBSTONES_KEPT
    old = (FeedRow.deleted.is_(True), FeedRow.changed_at < before)
    gone = session.execute(
        select(FeedRow.stream, func.max(FeedRow.changed_seq), func.count())
        .where(*old)
        .group_by(FeedRow.stream)
    ).all()
    for stream, upto, _ in gone:
        session.execute(update(FeedStream).where(FeedStream.stream == stream).values(horizon=upto))
    session.execute(delete(FeedRow).where(*old))
    return sum(count for _, _, count in gone)


def on_commit(callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
    """Call back with the streams that a committed transaction of this process touched.

    The callback runs in the committing thread and must return at once. Returns how to stop it.
    """

    def committed(session: Session) -> None:
        touched = session.info.pop(_TOUCHED, None)
        if touched:
            callback(frozenset(touched))

    event.listen(Session, "after_commit", committed)
    return lambda: event.remove(Session, "after_commit", committed)


def _known(
    session: Session, stream: str, ids: Sequence[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Read what gateways have of these ids, tombstones left out."""
    rows = session.execute(
        select(FeedRow.kind, FeedRow.id, FeedRow.data).where(
            FeedRow.stream == stream, FeedRow.id.in_(ids), FeedRow.deleted.is_(False)
        )
    )
    return {(kind, row_id): data for kind, row_id, data in rows}


def _advance(session: Session, stream: str, count: int) -> int | None:
    return session.scalars(
        update(FeedStream)
        .where(FeedStream.stream == stream)
        .values(changed_seq=FeedStream.changed_seq + count, changed_at=utc_now())
        .returning(FeedStream.changed_seq)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def _write(
    session: Session,
    stream: str,
    rows: Sequence[tuple[str, str, dict[str, Any]]],
    *,
    deleted: bool,
) -> None:
    if not rows:
        return
    first, now = take_numbers(session, stream, len(rows)), utc_now()
    insert = insert_for(session, FeedRow)
    names = ("changed_seq", "changed_at", "deleted", "data")
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["stream", "kind", "id"],
            set_={
                "version": FeedRow.version + 1,
                **{name: getattr(insert.excluded, name) for name in names},
            },
        ),
        [
            {
                "stream": stream,
                "kind": kind,
                "id": row_id,
                "version": 1,
                "changed_seq": first + n,
                "changed_at": now,
                "deleted": deleted,
                "data": data,
            }
            for n, (kind, row_id, data) in enumerate(rows)
        ],
    )
