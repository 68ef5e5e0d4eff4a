from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane import changes
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import repository as cards
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.groups import repository as groups
from control_plane.roles import service as roles
from control_plane.security import sessions
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.tokens import repository as tokens
from control_plane.users import passwords, repository
from control_plane.users.models import User
from control_plane.users.schemas import NewUser, PlainChanges, UserChanges
from control_plane.vault import Vault
from shared.ids import UserId, new_id
from shared.messages.records import SignInCode, UserRecord, account_stream

_SECRET: Final = frozenset({"password", "pin", "roles"})

list_users = repository.list_users
find_by_username = repository.find_by_username
by_usernames = repository.by_usernames
names = repository.names
usernames = repository.usernames
count = repository.count
any_user = repository.any_user


def create(
    session: Session,
    tenant: Tenant,
    new: NewUser,
    by: Actor,
    *,
    vault: Vault,
    may: frozenset[Permission] | None = None,
) -> User:
    """Add a person; ``may`` bounds the roles that their maker can give.

    Raises:
        ConflictError: The user name is taken.
    """
    if repository.find_by_username(session, tenant, new.username):
        raise ConflictError("there is a person with this user name", "username")
    return create_all(session, tenant, [new], by, vault=vault, may=may)[0]


def create_all(
    session: Session,
    tenant: Tenant,
    new: Sequence[NewUser],
    by: Actor,
    *,
    vault: Vault,
    may: frozenset[Permission] | None = None,
) -> list[User]:
    """Add people whose names nobody has, in as many statements as for one.

    Raises:
        InvalidError: There is no such role.
        ForbiddenError: A role holds a permission that their maker has not.
    """
    known = roles.list_roles(session, tenant)
    given = [roles.choose(known, each.roles, may) for each in new]
    secrets = passwords.Hasher(session, vault, tenant)
    made = [_row_of(tenant, each, secrets) for each in new]
    session.add_all(made)
    session.flush()
    roles.give_to_new(session, {user.id: each for user, each in zip(made, given, strict=True)})
    if tenant.account_id is not None:  # Nobody new is in a group yet.
        feed.publish_all(session, account_stream(tenant.account_id), map(record_of, made))
    with audit.together(session):
        for user, held in zip(made, given, strict=True):
            audit.record(
                session, tenant, "user.created", by, subject_kind="user", subject_id=user.id,
                detail={"username": user.username, "roles": [role.name for role in held]},
            )  # fmt: skip
    return made


def _row_of(tenant: Tenant, new: NewUser, secrets: passwords.Hasher) -> User:
    plain = new.model_dump(exclude=set(_SECRET))
    plain["display_name"] = new.display_name or new.username
    return User(
        id=UserId(new_id()),
        tenant=str(tenant),
        password_hash=secrets.hashed(new.password),
        pin_hash=secrets.hashed(new.pin),
        **plain,
    )


def get_user(session: Session, tenant: Tenant, user_id: UserId) -> User:
    user = repository.find_user(session, tenant, user_id)
    if user is None:
        raise NotFoundError("user", user_id)
    return user


def note_sign_in(session: Session, tenant: Tenant, user_id: UserId) -> None:
    repository.note(session, tenant, user_id, last_sign_in_at=utc_now())


def get_by_username(session: Session, tenant: Tenant, username: str) -> User:
    """Find whom a form names.

    Raises:
        InvalidError: Nobody here has this user name; the text says which.
    """
    user = repository.find_by_username(session, tenant, username)
    if user is None:
        raise InvalidError("usernames", "nobody here is called %(name)s", name=username)
    return user


def update(
    session: Session,
    tenant: Tenant,
    user_id: UserId,
    body: UserChanges,
    by: Actor,
    *,
    vault: Vault,
    may: frozenset[Permission] | None = None,
    expected_version: int | None = None,
) -> User:
    """Change a person, their password, PIN and roles.

    Raises:
        ForbiddenError: They hold or are to hold permissions that the asker has not.
        ConflictError: Nobody would be owner any more.
    """
    user = get_user(session, tenant, user_id)
    changes.check_version(user, expected_version)
    if may is not None:
        # Whoever may set somebody's password can become that somebody.
        roles.check_may_manage(session, tenant, user_id, may)
    was_owner = user.enabled and roles.is_owner(session, tenant, user_id)
    changed = _apply(session, tenant, user, body, vault=vault, may=may)
    session.flush()
    if not user.enabled:
        repository.note(session, tenant, user.id, **repository.NO_CODE)
    if was_owner:
        roles.check_owner_remains(session, tenant)
    if {"password", "enabled"} & changed.keys():
        sessions.end_all(session, tenant, user_id)
    if changed:
        _tell_changed(session, tenant, [(user, changed)], by)
    return user


def change_all(
    session: Session,
    tenant: Tenant,
    wanted: Sequence[tuple[User, PlainChanges]],
    by: Actor,
) -> None:
    """Change details of people, in as many statements as for one.

    They were read in this transaction. Whether the asker may manage them is the caller's to check
    (``roles.check_may_manage_holder``).
    """
    found = [(user, changes.differences(user, body)) for user, body in wanted]
    told = [(user, changed) for user, changed in found if changed]
    repository.change_all(
        session,
        {user: {name: pair[1] for name, pair in changed.items()} for user, changed in told},
    )
    _tell_changed(session, tenant, told, by)


def _tell_changed(
    session: Session,
    tenant: Tenant,
    told: Sequence[tuple[User, Mapping[str, Any]]],
    by: Actor,
) -> None:
    """Tell gateways and the audit what is different of whom."""
    publish_all(session, tenant, [user for user, _ in told])
    with audit.together(session):
        for user, changed in told:
            audit.record(
                session, tenant, "user.changed", by, subject_kind="user", subject_id=user.id,
                detail={"username": user.username, **changed},
            )  # fmt: skip


def _apply(
    session: Session,
    tenant: Tenant,
    user: User,
    body: UserChanges,
    *,
    vault: Vault,
    may: frozenset[Permission] | None,
) -> dict[str, Any]:
    named = body.model_fields_set - _SECRET
    plain = UserChanges.model_construct(named, **{name: getattr(body, name) for name in named})
    changed = changes.apply(user, plain)
    secrets = passwords.Hasher(session, vault, tenant)
    if "password" in body.model_fields_set:
        user.password_hash = secrets.hashed(body.password)
        changed["password"] = "set" if body.password else "removed"
    if "pin" in body.model_fields_set:
        user.pin_hash = secrets.hashed(body.pin)
        changed["pin"] = "set" if body.pin else "removed"
    if body.roles is not None:
        given = roles.assign(session, tenant, user.id, body.roles, may=may)
        changed["roles"] = [role.name for role in given]
    return changed


def delete(
    session: Session,
    tenant: Tenant,
    user_id: UserId,
    by: Actor,
    *,
    may: frozenset[Permission] | None = None,
) -> None:
    """Remove a person with cards and print tokens; their jobs and usage stay, without the name."""
    user = get_user(session, tenant, user_id)
    if may is not None:
        roles.check_may_manage(session, tenant, user_id, may)
    was_owner = roles.is_owner(session, tenant, user_id)
    account_id = tenant.account_id
    if account_id is not None:
        for card in cards.list_of_user(session, account_id, user_id):
            feed.retract(session, account_stream(account_id), "card", card.id)
            session.delete(card)
        for token in tokens.list_of_user(session, account_id, user_id):
            feed.retract(session, account_stream(account_id), "print-token", token.id)
            session.delete(token)
        session.flush()
    session.delete(user)
    session.flush()
    if was_owner:
        roles.check_owner_remains(session, tenant)
    if account_id is not None:
        feed.retract(session, account_stream(account_id), "user", user_id)
    audit.record(
        session, tenant, "user.deleted", by, subject_kind="user", subject_id=user_id,
        detail={"username": user.username},
    )  # fmt: skip


def publish(session: Session, tenant: Tenant, user: User) -> None:
    """Tell the gateways of the account; a vendor's people are not theirs."""
    publish_all(session, tenant, [user])


def publish_all(session: Session, tenant: Tenant, people: Sequence[User]) -> None:
    """The same for many people, in as many statements."""
    if tenant.account_id is None:
        return
    stream = account_stream(tenant.account_id)
    # Read once nobody else can publish them: a code that was used meanwhile never comes back.
    feed.hold(session, stream)
    ids = {user.id for user in people}
    their = groups.groups_of_users(session, tenant.account_id, ids)
    read = repository.reread(session, ids)
    feed.publish_all(session, stream, [record_of(user, their.get(user.id, ())) for user in read])


def record_of(user: User, group_ids: tuple[str, ...] = ()) -> UserRecord:
    return UserRecord(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        password_hash=user.password_hash,
        pin_hash=user.pin_hash,
        language=user.language,
        enabled=user.enabled,
        group_ids=group_ids,
        is_operator=user.is_operator,
        code=_code_of(user),
    )


def _code_of(user: User) -> SignInCode | None:
    if user.code_id is None or user.code_hash is None or user.code_expires_at is None:
        return None
    return SignInCode(user.code_id, user.code_hash, user.code_expires_at)
