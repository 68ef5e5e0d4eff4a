from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import String, cast, or_, select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.queues.models import Queue
from shared.ids import AccountId, QueueId

_SORTS: Final[Mapping[str, Column]] = {
    "name": Queue.name,
    "type": Queue.type,
    "path": Queue.path,
    "identity": Queue.identity,
}


def find_queue(session: Session, account_id: AccountId, queue_id: QueueId) -> Queue | None:
    return session.scalars(
        select(Queue).where(Queue.account_id == account_id, Queue.id == queue_id)
    ).one_or_none()


def find_by_path(session: Session, account_id: AccountId, path: str) -> Queue | None:
    return session.scalars(
        select(Queue).where(Queue.account_id == account_id, Queue.path == path)
    ).one_or_none()


def list_queues(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Queue]:
    query = select(Queue).where(Queue.account_id == account_id)
    if text:
        query = query.where(or_(contains(Queue.name, text), contains(Queue.path, text)))
    by = (Queue.name, Queue.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def names(session: Session, account_id: AccountId, ids: Sequence[QueueId]) -> dict[str, str]:
    rows = session.execute(
        select(Queue.id, Queue.name).where(Queue.account_id == account_id, Queue.id.in_(ids))
    )
    return {row.id: row.name for row in rows}


def open_to_groups(
    session: Session, account_id: AccountId, group_ids: Sequence[str]
) -> dict[str, list[Queue]]:
    """List the queues that each of some groups may use because they name it."""
    # The list is JSON; an identifier in it has one way of being written.
    named = cast(Queue.group_ids, String)
    found: dict[str, list[Queue]] = {}
    if not group_ids:
        return found
    query = select(Queue).where(
        Queue.account_id == account_id, or_(*(named.contains(key) for key in group_ids))
    )
    for queue in session.scalars(query.order_by(Queue.name, Queue.id)):
        for key in set(queue.group_ids) & set(group_ids):
            found.setdefault(key, []).append(queue)
    return found
