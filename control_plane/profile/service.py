"""What a person does about their own sign-in: another password, and an end to other sessions."""

from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.errors import InvalidError, NotFoundError
from control_plane.roles import service as roles
from control_plane.security import failures, sessions
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.users import passwords
from control_plane.users import service as users
from control_plane.users.schemas import UserChanges
from control_plane.vault import Vault
from shared.ids import UserId
from shared.secrets import verify_password, waste_time

list_sessions = sessions.list_of_user


def change_password(
    database: Database,
    vault: Vault,
    tenant: Tenant,
    by: Actor,
    user_id: UserId,
    *,
    old: str,
    new: str,
    user_agent: str = "",
) -> str:
    """Set one's own password; every session ends, and a new one begins for who asked.

    Returns the new session's token.

    Raises:
        InvalidError: The old password is not right.
        TooManyError: Too many attempts from there.
    """
    with database.reading() as session:
        user = users.get_user(session, tenant, user_id)
        pepper = passwords.pepper(session, vault, tenant)
    # Whoever found a screen unlocked must not guess here without end.
    limits = failures.limits(tenant, user.username, by.source, is_known_place=True)
    with database.writing() as session:
        failures.admit(session, limits)
    # The slow part happens outside of every transaction.
    if user.password_hash is None:
        waste_time(pepper, old)
    if user.password_hash is None or not verify_password(pepper, old, user.password_hash):
        with database.writing() as session:
            audit.record(
                session, tenant, "user.password-refused", by, outcome="refused",
                subject_kind="user", subject_id=user_id, detail={"username": user.username},
            )  # fmt: skip
        raise InvalidError("old", "this is not your password")
    with database.writing() as session:
        failures.forgive(session, limits)
        users.update(session, tenant, user_id, UserChanges(password=new), by, vault=vault)
        _, token = sessions.create(
            session, tenant, user_id, address=by.source, user_agent=user_agent
        )
    return token


def end_session(
    session: Session,
    tenant: Tenant,
    user_id: UserId,
    session_id: str,
    by: Actor,
    *,
    may: frozenset[Permission] | None = None,
) -> None:
    """End one of somebody's sessions; ``may`` bounds whose one may end.

    Raises:
        NotFoundError: There is no such session of theirs.
        ForbiddenError: They may do more than the asker.
    """
    user = users.get_user(session, tenant, user_id)
    if may is not None:
        roles.check_may_manage(session, tenant, user_id, may)
    if not sessions.end(session, tenant, user_id, session_id):
        raise NotFoundError("session", session_id)
    _tell(session, tenant, user_id, user.username, by)


def end_others(
    session: Session, tenant: Tenant, user_id: UserId, by: Actor, *, but: str | None
) -> int:
    """End all of somebody's sessions but one; returns how many there were."""
    user = users.get_user(session, tenant, user_id)
    ended = [
        row.id
        for row in sessions.list_of_user(session, tenant, user_id)
        if row.id != but and sessions.end(session, tenant, user_id, row.id)
    ]
    if ended:
        _tell(session, tenant, user_id, user.username, by)
    return len(ended)


def _tell(session: Session, tenant: Tenant, user_id: UserId, username: str, by: Actor) -> None:
    audit.record(
        session, tenant, "user.session-ended", by, subject_kind="user", subject_id=user_id,
        detail={"username": username},
    )  # fmt: skip
