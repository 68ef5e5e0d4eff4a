from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control_plane.accounts.models import Account, AccountSecret, Licence
from control_plane.paging import DEFAULT_LIMIT, Page, contains, paginate
from shared.ids import AccountId, VendorId


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


def list_by_short_name(session: Session, short_name: str) -> Sequence[Account]:
    return session.scalars(select(Account).where(Account.short_name == short_name)).all()


def list_accounts(
    session: Session,
    vendor_id: VendorId,
    *,
    text: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Account]:
    query = select(Account).where(Account.vendor_id == vendor_id)
    if text:
        query = query.where(or_(contains(Account.name, text), contains(Account.short_name, text)))
    return paginate(session, query, (Account.name, Account.id), cursor=cursor, limit=limit)


def list_all(session: Session) -> Sequence[Account]:
    return session.scalars(select(Account).order_by(Account.name, Account.id)).all()


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
