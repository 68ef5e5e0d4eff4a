"""Grants: an account lets the staff of its vendor look in, for a time; every use is audited."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ForbiddenError, InvalidError, NotFoundError
from control_plane.grants import repository
from control_plane.grants.models import Grant
from control_plane.grants.schemas import NewGrant
from control_plane.security.permissions import NEVER_GRANTED, Permission
from control_plane.users import service as users
from shared.ids import AccountId, UserId, VendorId, new_id

list_grants = repository.list_grants
open_accounts = repository.open_accounts
_LOOKED_IN: Final = "grant.used"


def create(
    session: Session,
    account_id: AccountId,
    new: NewGrant,
    by: Actor,
    *,
    may: frozenset[Permission] | None = None,
) -> Grant:
    """Let the vendor's staff, or one of them, act in the account for some hours."""
    account = accounts.get_account(session, account_id)
    for permission in new.permissions:
        if permission in NEVER_GRANTED:
            raise InvalidError(
                "permissions", "%(permission)s cannot be granted", permission=permission.value
            )
        if may is not None and permission not in may:
            raise ForbiddenError(permission.value)
    if new.user_id:
        try:
            users.get_user(session, tenants.vendor(account.vendor_id), new.user_id)
        except NotFoundError as error:
            raise InvalidError("user_id", str(error)) from None
    now = utc_now()
    grant = Grant(
        id=new_id(),
        account_id=account_id,
        vendor_id=account.vendor_id,
        user_id=new.user_id,
        permissions=sorted(permission.value for permission in new.permissions),
        reason=new.reason,
        created_at=now,
        expires_at=now + timedelta(hours=new.hours),
    )
    session.add(grant)
    session.flush()
    audit.record(
        session, tenants.account(account_id), "grant.given", by, subject_kind="grant",
        subject_id=grant.id, detail=new.model_dump(mode="json"),
    )  # fmt: skip
    return grant


def get_grant(session: Session, account_id: AccountId, grant_id: str) -> Grant:
    grant = repository.find_grant(session, account_id, grant_id)
    if grant is None:
        raise NotFoundError("grant", grant_id)
    return grant


def revoke(session: Session, account_id: AccountId, grant_id: str, by: Actor) -> Grant:
    grant = get_grant(session, account_id, grant_id)
    if grant.revoked_at is None:
        grant.revoked_at = utc_now()
        session.flush()
        audit.record(
            session, tenants.account(account_id), "grant.revoked", by, subject_kind="grant",
            subject_id=grant_id,
        )  # fmt: skip
    return grant


def permissions_under(
    session: Session, account_id: AccountId, vendor_id: VendorId, user_id: UserId | None
) -> frozenset[Permission]:
    """What a vendor's person may do in an account now; nothing without a grant in force."""
    known = {permission.value: permission for permission in Permission}
    held = repository.in_force(session, account_id, vendor_id, user_id, utc_now())
    granted = {known[text] for grant in held for text in grant.permissions if text in known}
    return frozenset(granted) - NEVER_GRANTED


def has_looked_in(session: Session, account_id: AccountId, session_id: str) -> bool:
    """Whether the account's audit tells already that somebody looks in, in this session."""
    seen = audit.list_events(
        session, tenants.account(account_id), event=_LOOKED_IN, subject_id=session_id, limit=1
    )
    return bool(seen.items)


def look_in(session: Session, account_id: AccountId, session_id: str, by: Actor) -> None:
    """Write down, once for each session, that somebody of the vendor looks in."""
    if has_looked_in(session, account_id, session_id):
        return
    audit.record(
        session, tenants.account(account_id), _LOOKED_IN, by, subject_kind="session",
        subject_id=session_id,
    )  # fmt: skip
