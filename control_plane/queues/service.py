from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.audit.actor import Actor
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.groups import service as groups
from control_plane.printers import service as printers
from control_plane.queues import repository
from control_plane.queues.models import Queue
from control_plane.queues.schemas import NewQueue, OpenTo, QueueChanges
from control_plane.replicated import Kind
from control_plane.users import service as users
from shared.ids import AccountId, PrinterId, QueueId, UserId, new_id
from shared.messages.records import IdentityPolicy, QueueRecord, QueueType

list_queues = repository.list_queues
find_by_path = repository.find_by_path
names = repository.names


def create(session: Session, account_id: AccountId, new: NewQueue, by: Actor) -> Queue:
    if repository.find_by_path(session, account_id, new.path):
        raise ConflictError("there is a queue with this path", "path")
    _check_references(session, account_id, new.printer_id, new.user_ids, new.group_ids)
    queue = Queue(id=QueueId(new_id()), account_id=account_id, **new.model_dump(mode="json"))
    return KIND.add(session, queue, new, by)


def get_queue(session: Session, account_id: AccountId, queue_id: QueueId) -> Queue:
    queue = repository.find_queue(session, account_id, queue_id)
    if queue is None:
        raise NotFoundError("queue", queue_id)
    return queue


def update(
    session: Session,
    account_id: AccountId,
    queue_id: QueueId,
    body: QueueChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Queue:
    queue = get_queue(session, account_id, queue_id)
    changes.check_version(queue, expected_version)
    _check_references(
        session, account_id, body.printer_id, body.user_ids or (), body.group_ids or ()
    )
    changed = changes.apply(queue, body)
    if (queue.type == QueueType.DIRECT.value) != (queue.printer_id is not None):
        raise InvalidError("printer_id", "a direct queue has its printer, a pull queue has none")
    return KIND.change(session, queue, changed, by)


def open_to(
    session: Session, account_id: AccountId, queue_id: QueueId, body: OpenTo, by: Actor
) -> Queue:
    """Open a queue to everybody of the account, or to some people and groups alone.

    Raises:
        InvalidError: Somebody is not known here, or nobody is named: an empty list would be all.
    """
    if body.open_to == "everybody":
        return update(session, account_id, queue_id, QueueChanges(user_ids=(), group_ids=()), by)
    if not body.usernames and not body.group_ids:
        raise InvalidError("usernames", "name somebody, or choose a group")
    tenant = tenants.account(account_id)
    user_ids = [users.get_by_username(session, tenant, name).id for name in body.usernames]
    named = QueueChanges(user_ids=tuple(dict.fromkeys(user_ids)), group_ids=body.group_ids)
    return update(session, account_id, queue_id, named, by)


def delete(session: Session, account_id: AccountId, queue_id: QueueId, by: Actor) -> None:
    queue = get_queue(session, account_id, queue_id)
    KIND.remove(session, queue, by, path=queue.path)


def record_of(queue: Queue) -> QueueRecord:
    return QueueRecord(
        id=queue.id,
        name=queue.name,
        path=queue.path,
        type=QueueType(queue.type),
        printer_id=queue.printer_id,
        identity=IdentityPolicy(queue.identity),
        user_ids=tuple(UserId(user_id) for user_id in queue.user_ids),
        group_ids=tuple(queue.group_ids),
        ticket_defaults=queue.ticket_defaults,
        retention_seconds=queue.retention_seconds,
        raw_port=queue.raw_port,
        keep_after_printing=queue.keep_after_printing,
    )


KIND: Final = Kind("queue", record_of)


def _check_references(
    session: Session,
    account_id: AccountId,
    printer_id: PrinterId | None,
    user_ids: Sequence[UserId],
    group_ids: Sequence[str],
) -> None:
    field = "printer_id"
    try:
        if printer_id:
            printers.get_printer(session, account_id, printer_id)
        field = "user_ids"
        for user_id in user_ids:
            users.get_user(session, tenants.account(account_id), user_id)
        field = "group_ids"
        for group_id in group_ids:
            groups.get_group(session, account_id, group_id)
    except NotFoundError as error:
        raise InvalidError(field, str(error)) from None
