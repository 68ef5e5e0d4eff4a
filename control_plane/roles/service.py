from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.orm import Session

from control_plane import changes
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from control_plane.roles import repository
from control_plane.roles.models import Role
from control_plane.roles.schemas import NewRole, RoleChanges
from control_plane.security.permissions import (
    ACCOUNT_ROLES,
    ROLE_NAMES,
    VENDOR_ROLES,
    Permission,
)
from control_plane.tenants import Tenant
from shared.ids import UserId, new_id

list_roles = repository.list_roles
roles_of_user = repository.roles_of_user
roles_of_users = repository.roles_of_users


def create_defaults(session: Session, tenant: Tenant) -> None:
    """Give a new vendor or account its built-in roles."""
    defaults = ACCOUNT_ROLES if tenant.account_id else VENDOR_ROLES
    for key, permissions in defaults.items():
        session.add(
            Role(
                id=new_id(),
                tenant=str(tenant),
                name=ROLE_NAMES[key],
                built_in=key,
                permissions=sorted(permission.value for permission in permissions),
            )
        )
    session.flush()


def get_role(session: Session, tenant: Tenant, role_id: str) -> Role:
    role = repository.find_role(session, tenant, role_id)
    if role is None:
        raise NotFoundError("role", role_id)
    return role


def permissions_of(session: Session, tenant: Tenant, user_id: UserId) -> frozenset[Permission]:
    """What a person may do in their own vendor or account."""
    return frozenset(_permissions(repository.roles_of_user(session, tenant, user_id)))


def create(
    session: Session, tenant: Tenant, new: NewRole, by: Actor, *, may: frozenset[Permission]
) -> Role:
    _check_may_give(may, new.permissions)
    role = Role(
        id=new_id(),
        tenant=str(tenant),
        name=new.name,
        permissions=sorted(permission.value for permission in new.permissions),
    )
    session.add(role)
    session.flush()
    audit.record(
        session, tenant, "role.created", by, subject_kind="role", subject_id=role.id,
        detail={"name": role.name, "permissions": role.permissions},
    )  # fmt: skip
    return role


def update(
    session: Session,
    tenant: Tenant,
    role_id: str,
    body: RoleChanges,
    by: Actor,
    *,
    may: frozenset[Permission],
    expected_version: int | None = None,
) -> Role:
    role = get_role(session, tenant, role_id)
    changes.check_version(role, expected_version)
    if role.built_in:
        raise ConflictError("a built-in role stays as it is; make one of your own")
    _check_may_give(may, body.permissions or ())
    changed = changes.apply(role, body)
    session.flush()
    audit.record(
        session, tenant, "role.changed", by, subject_kind="role", subject_id=role.id,
        detail={"name": role.name, **changed},
    )  # fmt: skip
    return role


def delete(session: Session, tenant: Tenant, role_id: str, by: Actor) -> None:
    role = get_role(session, tenant, role_id)
    if role.built_in:
        raise ConflictError("a built-in role cannot be deleted")
    session.delete(role)
    session.flush()
    audit.record(
        session, tenant, "role.deleted", by, subject_kind="role", subject_id=role_id,
        detail={"name": role.name},
    )  # fmt: skip


def assign(
    session: Session,
    tenant: Tenant,
    user_id: UserId,
    keys: Sequence[str],
    *,
    may: frozenset[Permission] | None = None,
) -> Sequence[Role]:
    """Set a person's roles, by built-in key or id; ``may`` bounds what its giver can give.

    Raises:
        InvalidError: There is no such role.
        ForbiddenError: It holds a permission that its giver has not.
        ConflictError: Nobody would be owner any more.
    """
    chosen = choose(list_roles(session, tenant), keys, None)
    held = repository.roles_of_user(session, tenant, user_id)
    if may is not None:
        # Taking a role away is power over its holder as much as giving it.
        _check_may_give(may, _permissions([*chosen, *held]))
    repository.set_user_roles(session, user_id, [role.id for role in chosen])
    was_owner = any(role.built_in == "owner" for role in held)
    if was_owner and not repository.count_users(session, tenant, "owner"):
        raise ConflictError("somebody must stay owner", "roles")
    return chosen


def choose(
    known: Sequence[Role], keys: Iterable[str], may: frozenset[Permission] | None
) -> Sequence[Role]:
    """Choose roles of a tenant by built-in key or id; ``may`` bounds what their giver can give.

    Raises:
        InvalidError: There is no such role.
        ForbiddenError: It holds a permission that its giver has not.
    """
    by_key = {role.id: role for role in known} | {
        role.built_in: role for role in known if role.built_in
    }
    chosen = []
    for key in dict.fromkeys(keys):
        if key not in by_key:
            raise InvalidError("roles", "there is no role %(role)r", role=key)
        chosen.append(by_key[key])
    if may is not None:
        _check_may_give(may, _permissions(chosen))
    return chosen


def give_to_new(session: Session, given: Mapping[UserId, Sequence[Role]]) -> None:
    """Give people their first roles, in one statement."""
    pairs = [(user_id, role.id) for user_id, roles in given.items() for role in roles]
    repository.add_user_roles(session, pairs)


def check_owner_remains(session: Session, tenant: Tenant) -> None:
    """Refuse a change that leaves nobody as owner.

    Raises:
        ConflictError: Nobody enabled is owner.
    """
    if not repository.count_users(session, tenant, "owner"):
        raise ConflictError("somebody must stay owner")


def is_owner(session: Session, tenant: Tenant, user_id: UserId) -> bool:
    return any(
        role.built_in == "owner" for role in repository.roles_of_user(session, tenant, user_id)
    )


def _permissions(roles: Iterable[Role]) -> list[Permission]:
    known = {permission.value: permission for permission in Permission}
    return [known[text] for role in roles for text in role.permissions if text in known]


def _check_may_give(may: frozenset[Permission], permissions: Iterable[Permission]) -> None:
    for permission in permissions:
        if permission not in may:
            raise ForbiddenError(permission.value)


def check_may_manage(
    session: Session, tenant: Tenant, user_id: UserId, may: frozenset[Permission]
) -> None:
    """Nobody manages a person who may do more than they themselves.

    Raises:
        ForbiddenError: That person holds a permission that the asker has not.
    """
    _check_may_give(may, permissions_of(session, tenant, user_id))


def check_may_manage_holder(held: Iterable[Role], may: frozenset[Permission]) -> None:
    """The same of a person whose roles were read before, with those of others."""
    _check_may_give(may, _permissions(held))
