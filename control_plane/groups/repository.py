from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.groups.models import Group, GroupMember
from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.users.models import User
from shared.ids import AccountId, UserId

_SORTS: Final[Mapping[str, Column]] = {"name": Group.name}


def find_group(session: Session, account_id: AccountId, group_id: str) -> Group | None:
    return session.scalars(
        select(Group).where(Group.account_id == account_id, Group.id == group_id)
    ).one_or_none()


def find_by_name(session: Session, account_id: AccountId, name: str) -> Group | None:
    return session.scalars(
        select(Group).where(Group.account_id == account_id, Group.name == name)
    ).one_or_none()


def list_groups(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Group]:
    query = select(Group).where(Group.account_id == account_id)
    if text:
        query = query.where(contains(Group.name, text))
    by = (Group.name, Group.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def names(session: Session, account_id: AccountId, ids: Sequence[str]) -> dict[str, str]:
    rows = session.execute(
        select(Group.id, Group.name).where(Group.account_id == account_id, Group.id.in_(ids))
    )
    return {row.id: row.name for row in rows}


def members(session: Session, account_id: AccountId, group_id: str) -> Sequence[UserId]:
    return session.scalars(
        select(GroupMember.user_id)
        .join(Group, GroupMember.group_id == Group.id)
        .where(Group.account_id == account_id, Group.id == group_id)
        .order_by(GroupMember.user_id)
    ).all()


def list_people(
    session: Session,
    account_id: AccountId,
    group_id: str,
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[User]:
    """List the people of a group by name."""
    query = (
        select(User)
        .join(GroupMember, GroupMember.user_id == User.id)
        .join(Group, GroupMember.group_id == Group.id)
        .where(Group.account_id == account_id, Group.id == group_id)
    )
    return paginate(session, query, (User.display_name, User.id), cursor=cursor, limit=limit)


def sizes(session: Session, account_id: AccountId, ids: Sequence[str]) -> dict[str, int]:
    """Count the people of some groups; a group without anybody is not in it."""
    rows = session.execute(
        select(GroupMember.group_id, func.count())
        .join(Group, GroupMember.group_id == Group.id)
        .where(Group.account_id == account_id, Group.id.in_(ids))
        .group_by(GroupMember.group_id)
    )
    return {row[0]: row[1] for row in rows}


def list_of_user(session: Session, account_id: AccountId, user_id: UserId) -> Sequence[Group]:
    """List the groups somebody is in, by name."""
    return session.scalars(
        select(Group)
        .join(GroupMember, GroupMember.group_id == Group.id)
        .where(Group.account_id == account_id, GroupMember.user_id == user_id)
        .order_by(Group.name, Group.id)
    ).all()


def groups_of_user(session: Session, account_id: AccountId, user_id: UserId) -> tuple[str, ...]:
    return groups_of_users(session, account_id, {user_id}).get(user_id, ())


def groups_of_users(
    session: Session, account_id: AccountId, ids: Collection[UserId]
) -> dict[UserId, tuple[str, ...]]:
    """Tell which groups people are in; who is in none is not in it."""
    rows = session.execute(
        select(GroupMember.user_id, Group.id)
        .join(Group, GroupMember.group_id == Group.id)
        .where(Group.account_id == account_id, bulk.among(session, GroupMember.user_id, ids))
        .order_by(Group.id)
    )
    found: dict[UserId, tuple[str, ...]] = {}
    for user_id, group_id in rows:
        found[user_id] = (*found.get(user_id, ()), group_id)
    return found


def add_members(session: Session, group_id: str, user_ids: Sequence[UserId]) -> None:
    session.add_all(GroupMember(group_id=group_id, user_id=user_id) for user_id in user_ids)
    session.flush()


def remove_member(session: Session, group_id: str, user_id: UserId) -> None:
    session.execute(
        delete(GroupMember).where(GroupMember.group_id == group_id, GroupMember.user_id == user_id)
    )


def set_members(session: Session, group_id: str, user_ids: Sequence[UserId]) -> None:
    session.execute(delete(GroupMember).where(GroupMember.group_id == group_id))
    session.add_all(GroupMember(group_id=group_id, user_id=user_id) for user_id in user_ids)
    session.flush()
