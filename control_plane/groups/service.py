from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.changes import check_version
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.groups import repository
from control_plane.groups.models import Group
from control_plane.groups.schemas import GroupChanges, NewGroup, NewMembers
from control_plane.paging import Page
from control_plane.queues import repository as queues
from control_plane.users import service as users
from control_plane.users.models import User
from shared.ids import AccountId, UserId, new_id

list_groups = repository.list_groups
find_by_name = repository.find_by_name
names = repository.names
members = repository.members
sizes = repository.sizes
list_of_user = repository.list_of_user
queues_open_to = queues.open_to_groups


def create(session: Session, account_id: AccountId, new: NewGroup, by: Actor) -> Group:
    _check_name(session, account_id, new.name, None)
    group = Group(id=new_id(), account_id=account_id, name=new.name)
    session.add(group)
    session.flush()
    _set_members(session, account_id, group.id, new.user_ids)
    audit.record(
        session, tenants.account(account_id), "group.created", by, subject_kind="group",
        subject_id=group.id, detail=new.model_dump(mode="json"),
    )  # fmt: skip
    return group


def get_group(session: Session, account_id: AccountId, group_id: str) -> Group:
    group = repository.find_group(session, account_id, group_id)
    if group is None:
        raise NotFoundError("group", group_id)
    return group


def update(
    session: Session,
    account_id: AccountId,
    group_id: str,
    body: GroupChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Group:
    group = get_group(session, account_id, group_id)
    check_version(group, expected_version)
    _check_name(session, account_id, body.name, group_id)
    if body.name is not None:
        group.name = body.name
    if body.user_ids is not None:
        _set_members(session, account_id, group_id, body.user_ids)
    session.flush()
    audit.record(
        session, tenants.account(account_id), "group.changed", by, subject_kind="group",
        subject_id=group_id, detail=body.model_dump(mode="json", exclude_unset=True),
    )  # fmt: skip
    return group


def list_people(
    session: Session, account_id: AccountId, group_id: str, *, cursor: str | None = None
) -> Page[User]:
    """List a group's people by name.

    Raises:
        NotFoundError: There is no such group.
    """
    get_group(session, account_id, group_id)
    return repository.list_people(session, account_id, group_id, cursor=cursor)


def add_people(
    session: Session, account_id: AccountId, group_id: str, body: NewMembers, by: Actor
) -> Sequence[User]:
    """Put people into a group by their user names; all of them, or none.

    Returns who was not in it before.

    Raises:
        InvalidError: Somebody is not known here; the text names them.
    """
    group = get_group(session, account_id, group_id)
    tenant = tenants.account(account_id)
    names = dict.fromkeys(body.usernames)
    found = [users.get_by_username(session, tenant, name) for name in names]
    there = set(repository.members(session, account_id, group_id))
    added = [user for user in found if user.id not in there]
    if added:
        repository.add_members(session, group_id, [user.id for user in added])
        for user in added:
            users.publish(session, tenant, user)
        _audit_people(session, group, by, added=[user.username for user in added])
    return added


def remove_person(
    session: Session, account_id: AccountId, group_id: str, user_id: UserId, by: Actor
) -> User:
    """Take somebody out of a group.

    Raises:
        NotFoundError: There is no such group, or they are not in it.
    """
    group = get_group(session, account_id, group_id)
    tenant = tenants.account(account_id)
    if group_id not in repository.groups_of_user(session, account_id, user_id):
        raise NotFoundError("member", user_id)
    user = users.get_user(session, tenant, user_id)
    repository.remove_member(session, group_id, user_id)
    users.publish(session, tenant, user)
    _audit_people(session, group, by, removed=[user.username])
    return user


def delete(session: Session, account_id: AccountId, group_id: str, by: Actor) -> None:
    """Remove a group; its people stay.

    Raises:
        ConflictError: A queue is open to it: without the group it would be shut, or open to all.
    """
    group = get_group(session, account_id, group_id)
    if opened := queues.open_to_groups(session, account_id, [group_id]).get(group_id):
        raise ConflictError(
            "the queue %(queue)s is open to this group; take it out there first",
            queue=opened[0].name,
        )
    _set_members(session, account_id, group_id, ())
    session.delete(group)
    session.flush()
    audit.record(
        session, tenants.account(account_id), "group.deleted", by, subject_kind="group",
        subject_id=group_id, detail={"name": group.name},
    )  # fmt: skip


def _audit_people(session: Session, group: Group, by: Actor, **who: list[str]) -> None:
    audit.record(
        session, tenants.account(group.account_id), "group.changed", by, subject_kind="group",
        subject_id=group.id, detail={"name": group.name, **who},
    )  # fmt: skip


def _set_members(
    session: Session, account_id: AccountId, group_id: str, user_ids: Iterable[UserId]
) -> None:
    tenant = tenants.account(account_id)
    before = set(repository.members(session, account_id, group_id))
    after = dict.fromkeys(user_ids)
    for user_id in after:
        try:
            users.get_user(session, tenant, user_id)
        except NotFoundError as error:
            raise InvalidError("user_ids", str(error)) from None
    repository.set_members(session, group_id, list(after))
    for user_id in sorted(before ^ set(after)):
        users.publish(session, tenant, users.get_user(session, tenant, user_id))


def _check_name(
    session: Session, account_id: AccountId, name: str | None, own_id: str | None
) -> None:
    other = repository.find_by_name(session, account_id, name) if name else None
    if other and other.id != own_id:
        raise ConflictError("there is a group with this name", "name")
