"""Signing in with user name and password at the host of a vendor or account."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.accounts import closing
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.errors import AccountClosedError, SpoolhouseError
from control_plane.security import failures, sessions
from control_plane.security.models import WebSession
from control_plane.tenants import Tenant
from control_plane.users import passwords
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.vault import Vault
from shared.i18n import mark
from shared.secrets import canonical_username, verify_password, waste_time


class SignInRefusedError(SpoolhouseError):
    """The name or the password is wrong; nobody learns which (401)."""

    def __init__(self) -> None:
        super().__init__(mark("the user name or the password is not right"))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; ``token`` is for the cookie alone."""

    session: WebSession
    token: str
    user: User


def sign_in(
    database: Database,
    vault: Vault,
    tenant: Tenant,
    *,
    username: str,
    password: str,
    address: str,
    user_agent: str = "",
) -> SignedIn:
    """Check a password and open a session.

    Raises:
        SignInRefusedError: Name or password is wrong, or the person is locked.
        TooManyError: Too many attempts from there; answer 429.
        AccountClosedError: Nobody signs in there; the audit is told, as of every refusal.
    """
    name = _name(username)
    with database.reading() as session:
        user = users.find_by_username(session, tenant, name)
        known = user is not None and sessions.has_come_from(session, tenant, user.id, address)
        pepper = passwords.pepper(session, vault, tenant)
    asker = Actor("user", user.id if user else None, name, address)
    limits = failures.limits(tenant, name, address, is_known_place=known)
    with database.writing() as session:
        failures.admit(session, limits)
    try:
        with database.reading() as session:
            closing.check_is_open(session, tenant)
    except AccountClosedError:
        _audit_refusal(database, tenant, asker, "closed")
        raise
    # The slow part happens outside of every transaction.
    if not _is_right(pepper, user, password):
        why = "unknown" if user is None else "wrong-password" if user.enabled else "locked"
        _audit_refusal(database, tenant, asker, why)
        raise SignInRefusedError
    assert user is not None
    with database.writing() as session:
        failures.forgive(session, limits)
        row, token = sessions.create(
            session, tenant, user.id, address=address, user_agent=user_agent
        )
        users.note_sign_in(session, tenant, user.id)
        user = users.get_user(session, tenant, user.id)
        by = Actor("user", user.id, user.username, address)
        audit.record(session, tenant, "sign-in.ok", by, subject_kind="user", subject_id=user.id)
    return SignedIn(row, token, user)


def sign_out(database: Database, tenant: Tenant, row: WebSession, by: Actor) -> None:
    with database.writing() as session:
        if sessions.end(session, tenant, row.user_id, row.id):
            audit.record(
                session, tenant, "sign-out", by, subject_kind="user", subject_id=row.user_id
            )


def _name(username: str) -> str:
    try:
        return canonical_username(username)
    except ValueError:
        return ""


def _is_right(pepper: bytes, user: User | None, password: str) -> bool:
    if user is None or user.password_hash is None or not user.enabled:
        waste_time(pepper, password)
        return False
    return verify_password(pepper, password, user.password_hash)


def _audit_refusal(database: Database, tenant: Tenant, by: Actor, reason: str) -> None:
    with database.writing() as session:
        audit.record(
            session, tenant, "sign-in.refused", by, outcome="refused", subject_kind="user",
            subject_id=by.id, detail={"reason": reason},
        )  # fmt: skip
