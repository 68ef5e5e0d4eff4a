from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.errors import StaleError
from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.tenants import Tenant
from control_plane.users.models import User
from shared.ids import UserId

_SORTS: Final[Mapping[str, Column]] = {
    "name": User.display_name,
    "username": User.username,
}


NO_CODE: Final = dict.fromkeys(("code_id", "code_hash", "code_expires_at"))


def find_user(session: Session, tenant: Tenant, user_id: UserId) -> User | None:
    return session.scalars(
        select(User).where(User.tenant == str(tenant), User.id == user_id)
    ).one_or_none()


def find_by_username(session: Session, tenant: Tenant, username: str) -> User | None:
    """Find by the canonical name."""
    return session.scalars(
        select(User).where(User.tenant == str(tenant), User.username == username)
    ).one_or_none()


def note(
    session: Session, tenant: Tenant, user_id: UserId, **values: datetime | str | None
) -> None:
    """Write down what nobody edits: the version stays, and with it whatever form is open."""
    session.execute(
        update(User)
        .where(User.tenant == str(tenant), User.id == user_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def end_code(session: Session, tenant: Tenant, user_id: UserId, code_id: str) -> User | None:
    """End the person's one-time code if it is this one; None: it is not, or not any more."""
    their = (User.tenant == str(tenant), User.id == user_id)
    ended = session.execute(
        update(User)
        .where(*their, User.code_id == code_id)
        .values(NO_CODE)
        .execution_options(synchronize_session=False)
        .returning(User.id)
    )
    return None if ended.one_or_none() is None else reread(session, [user_id])[0]


def reread(session: Session, ids: Collection[UserId]) -> Sequence[User]:
    """Read people once more, as they are now."""
    query = select(User).where(bulk.among(session, User.id, ids)).order_by(User.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def by_usernames(
    session: Session, tenant: Tenant, names: Collection[str], *, locked: bool = False
) -> dict[str, User]:
    """Find people by their canonical user names, however many; ``locked``: to change them."""
    query = select(User).where(User.tenant == str(tenant))
    query = query.where(bulk.among(session, User.username, names)).order_by(User.id)
    found = session.scalars(query.with_for_update() if locked else query)
    return {user.username: user for user in found}


def change_all(session: Session, values: Mapping[User, Mapping[str, str]]) -> None:
    """Change names and addresses of people who were read before, in two statements.

    Raises:
        StaleError: Somebody else changed one of them meanwhile.
    """
    if not values:
        return
    rows = [
        {
            "id": user.id,
            "was_version": user.version,
            "version": user.version + 1,
            "display_name": wanted.get("display_name", user.display_name),
            "email": wanted.get("email", user.email),
        }
        for user, wanted in values.items()
    ]
    if bulk.compare_and_set(session, User, rows) != len(rows):
        raise StaleError
    reread(session, {user.id for user in values})


def list_users(
    session: Session,
    tenant: Tenant,
    *,
    text: str | None = None,
    enabled: bool | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[User]:
    query = select(User).where(User.tenant == str(tenant))
    if text:
        found = (contains(c, text) for c in (User.username, User.display_name, User.email))
        query = query.where(or_(*found))
    if enabled is not None:
        query = query.where(User.enabled.is_(enabled))
    by = (User.display_name, User.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def names(session: Session, tenant: Tenant, ids: Sequence[UserId]) -> dict[str, str]:
    rows = session.execute(
        select(User.id, User.display_name).where(User.tenant == str(tenant), User.id.in_(ids))
    )
    return {row.id: row.display_name for row in rows}


def usernames(session: Session, tenant: Tenant, ids: Sequence[UserId]) -> dict[UserId, str]:
    rows = session.execute(
        select(User.id, User.username).where(User.tenant == str(tenant), User.id.in_(ids))
    )
    return {row.id: row.username for row in rows}


def known_usernames(session: Session, tenant: Tenant, usernames: Sequence[str]) -> set[str]:
    return set(
        session.scalars(
            select(User.username).where(User.tenant == str(tenant), User.username.in_(usernames))
        )
    )


def count(session: Session, tenant: Tenant) -> int:
    return (
        session.scalar(select(func.count()).select_from(User).where(User.tenant == str(tenant)))
        or 0
    )


def any_user(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None
