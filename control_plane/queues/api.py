from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue, QueueChanges, QueueView
from control_plane.request import account_id, actor
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.security.permissions import Permission
from shared.ids import QueueId

rest = Rest("queues", __name__)


@rest.get("/queues", Permission.SEE_THINGS, query=TextQuery, answer=Items[QueueView])
def list_queues(session: Session, query: TextQuery) -> Items[QueueView]:
    """List queues by name."""
    page = queues.list_queues(session, account_id(), **query.model_dump())
    return items(page, QueueView)


@rest.post("/queues", Permission.CHANGE_THINGS, body=NewQueue, answer=QueueView)
def create_queue(session: Session, body: NewQueue) -> QueueView:
    """Add a queue."""
    return QueueView.model_validate(queues.create(session, account_id(), body, actor()))


@rest.get("/queues/<queue_id>", Permission.SEE_THINGS, answer=QueueView)
def get_queue(session: Session, queue_id: QueueId) -> QueueView:
    """Show a queue."""
    return QueueView.model_validate(queues.get_queue(session, account_id(), queue_id))


@rest.patch("/queues/<queue_id>", Permission.CHANGE_THINGS, body=QueueChanges, answer=QueueView)
def update_queue(session: Session, queue_id: QueueId, body: QueueChanges) -> QueueView:
    """Change a queue."""
    queue = queues.update(
        session, account_id(), queue_id, body, actor(), expected_version=expected_version()
    )
    return QueueView.model_validate(queue)


@rest.delete("/queues/<queue_id>", Permission.CHANGE_THINGS)
def delete_queue(session: Session, queue_id: QueueId) -> None:
    """Remove a queue; what waits in it stays until it is released or erased."""
    queues.delete(session, account_id(), queue_id, actor())
