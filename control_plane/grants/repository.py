from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control_plane.grants.models import Grant
from shared.ids import AccountId, UserId, VendorId


def find_grant(session: Session, account_id: AccountId, grant_id: str) -> Grant | None:
    return session.scalars(
        select(Grant).where(Grant.account_id == account_id, Grant.id == grant_id)
    ).one_or_none()


def list_grants(session: Session, account_id: AccountId) -> Sequence[Grant]:
    return session.scalars(
        select(Grant).where(Grant.account_id == account_id).order_by(Grant.id.desc())
    ).all()


def in_force(
    session: Session,
    account_id: AccountId,
    vendor_id: VendorId,
    user_id: UserId | None,
    now: datetime,
) -> Sequence[Grant]:
    return session.scalars(
        select(Grant).where(
            Grant.account_id == account_id,
            Grant.vendor_id == vendor_id,
            or_(Grant.user_id.is_(None), Grant.user_id == user_id),
            Grant.revoked_at.is_(None),
            Grant.expires_at > now,
        )
    ).all()


def open_accounts(
    session: Session, vendor_id: VendorId, user_id: UserId, now: datetime
) -> set[AccountId]:
    """List the accounts that let this person of the vendor look in now."""
    return set(
        session.scalars(
            select(Grant.account_id).where(
                Grant.vendor_id == vendor_id,
                or_(Grant.user_id.is_(None), Grant.user_id == user_id),
                Grant.revoked_at.is_(None),
                Grant.expires_at > now,
            )
        )
    )
