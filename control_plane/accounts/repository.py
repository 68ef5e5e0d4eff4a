from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from control_plane.accounts.models import Account, AccountSecret, Licence
from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from shared.ids import AccountId, VendorId

_SORTS: Final[Mapping[str, Column]] = {
    "name": Account.name,
    "short": Account.short_name,
    "since": Account.created_at,
}


def find_account(session: Session, account_id: AccountId) -> Account | None:
    return session.get(Account, account_id)


def find_of_vendor(session: Session, vendor_id: VendorId, account_id: AccountId) -> Account | None:
    return session.scalars(
        select(Account).where(Account.vendor_id == vendor_id, Account.id == account_id)
    ).one_or_none()


def find_by_short_name(session: Session, vendor_id: VendorId, short_name: str) -> Account | None:
    return session.scalars(
        select(Account).where(Account.vendor_id == vendor_id, Account.short_name == short_name)
    ).one_or_none()


def list_some(session: Session, ids: Sequence[AccountId]) -> Sequence[Account]:
    """List accounts by their ids, in the order of their names."""
    query = select(Account).where(Account.id.in_(ids))
    return session.scalars(query.order_by(Account.name, Account.id)).all()


def list_by_short_name(session: Session, short_name: str) -> Sequence[Account]:
    return session.scalars(select(Account).where(Account.short_name == short_name)).all()


def list_accounts(
    session: Session,
    vendor_id: VendorId,
    *,
    text: str | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Account]:
    query = select(Account).where(Account.vendor_id == vendor_id)
    if text:
        query = query.where(or_(contains(Account.name, text), contains(Account.short_name, text)))
    by = (Account.name, Account.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def list_all(session: Session) -> Sequence[Account]:
    return session.scalars(select(Account).order_by(Account.name, Account.id)).all()


def list_kept_until(session: Session, now: datetime) -> Sequence[Account]:
    """List closed accounts whose time is over, and whose deletion has not begun."""
    over = select(Account).where(Account.kept_until <= now, Account.erase_at.is_(None))
    return session.scalars(over.order_by(Account.kept_until)).all()


def list_to_erase(session: Session) -> Sequence[Account]:
    going = select(Account).where(Account.erase_at.is_not(None))
    return session.scalars(going.order_by(Account.erase_at)).all()


def count_of_vendors(session: Session, ids: Sequence[VendorId]) -> dict[VendorId, int]:
    """Count the accounts of some vendors; one without any is not in it."""
    rows = session.execute(
        select(Account.vendor_id, func.count())
        .where(Account.vendor_id.in_(ids))
        .group_by(Account.vendor_id)
    )
    return {row[0]: row[1] for row in rows}


def count_of_vendor(session: Session, vendor_id: VendorId) -> int:
    query = select(func.count()).select_from(Account).where(Account.vendor_id == vendor_id)
    return session.scalar(query) or 0


def find_licence(session: Session, account_id: AccountId) -> Licence | None:
    return session.get(Licence, account_id)


def list_secrets(session: Session, account_id: AccountId) -> Sequence[AccountSecret]:
    return session.scalars(
        select(AccountSecret)
        .where(AccountSecret.account_id == account_id)
        .order_by(AccountSecret.purpose, AccountSecret.version)
    ).all()


def newest_secret(session: Session, account_id: AccountId, purpose: str) -> AccountSecret | None:
    return session.scalars(
        select(AccountSecret)
        .where(AccountSecret.account_id == account_id, AccountSecret.purpose == purpose)
        .order_by(AccountSecret.version.desc())
        .limit(1)
    ).one_or_none()


def licences(session: Session, ids: Sequence[AccountId]) -> dict[AccountId, Licence]:
    rows = session.scalars(select(Licence).where(Licence.account_id.in_(ids)))
    return {row.account_id: row for row in rows}
