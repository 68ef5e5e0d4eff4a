from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from control_plane.roles.models import Role, UserRole
from control_plane.tenants import Tenant
from control_plane.users.models import User
from shared.ids import UserId


def list_roles(session: Session, tenant: Tenant) -> Sequence[Role]:
    return session.scalars(
        select(Role).where(Role.tenant == str(tenant)).order_by(Role.built_in.is_(None), Role.id)
    ).all()


def find_role(session: Session, tenant: Tenant, role_id: str) -> Role | None:
    return session.scalars(
        select(Role).where(Role.tenant == str(tenant), Role.id == role_id)
    ).one_or_none()


def roles_of_user(session: Session, tenant: Tenant, user_id: UserId) -> Sequence[Role]:
    return session.scalars(
        select(Role)
        .join(UserRole, UserRole.role_id == Role.id)
        .where(Role.tenant == str(tenant), UserRole.user_id == user_id)
        .order_by(Role.id)
    ).all()


def roles_of_users(
    session: Session, tenant: Tenant, user_ids: Sequence[UserId]
) -> dict[UserId, list[Role]]:
    found: dict[UserId, list[Role]] = {user_id: [] for user_id in user_ids}
    rows = session.execute(
        select(UserRole.user_id, Role)
        .join(Role, UserRole.role_id == Role.id)
        .where(Role.tenant == str(tenant), UserRole.user_id.in_(user_ids))
        .order_by(Role.id)
    )
    for user_id, role in rows:
        found[user_id].append(role)
    return found


def count_users(session: Session, tenant: Tenant, built_in: str) -> int:
    """How many enabled people have a built-in role."""
    return (
        session.scalar(
            select(func.count())
            .select_from(UserRole)
            .join(Role, UserRole.role_id == Role.id)
            .join(User, UserRole.user_id == User.id)
            .where(Role.tenant == str(tenant), Role.built_in == built_in, User.enabled)
        )
        or 0
    )


def set_user_roles(session: Session, user_id: UserId, role_ids: Sequence[str]) -> None:
    session.execute(delete(UserRole).where(UserRole.user_id == user_id))
    session.add_all(UserRole(user_id=user_id, role_id=role_id) for role_id in role_ids)
    session.flush()


def add_user_roles(session: Session, pairs: Sequence[tuple[UserId, str]]) -> None:
    """Give roles to people who have none of them yet."""
    session.add_all(UserRole(user_id=user_id, role_id=role_id) for user_id, role_id in pairs)
    session.flush()
