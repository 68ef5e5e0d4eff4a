"""The end of an account: closed, perhaps opened again, in the end erased for good.

Closed: nobody signs in and no key works, gateways take nothing new, and what waits can still be
printed; nothing is lost. Deleting tells every gateway to forget the account, waits for their word
(a week at most), and then erases all rows, some at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from control_plane import erasing, tenants
from control_plane.accounts import repository, service
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import CloseAccount, DeleteAccount, DeletionView
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.enrolment import service as enrolment
from control_plane.errors import AccountClosedError, ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.tenants import Tenant
from control_plane.vendors import service as vendors
from shared.i18n import mark
from shared.ids import AccountId, VendorId
from shared.messages.records import account_stream

PATIENCE: Final = timedelta(days=7)  # with gateways that do not say that they forgot
_ROWS_AT_ONCE: Final = 20_000
_SYSTEM: Final = Actor("system")


def check_is_open(session: Session, tenant: Tenant) -> None:
    """Let nobody in to a closed account.

    Raises:
        AccountClosedError: It is closed; the sentence says who opens it again.
    """
    account = service.find_account(session, tenant.account_id) if tenant.account_id else None
    if account is None or not account.is_closed:
        return
    if account.erase_at is not None:
        raise AccountClosedError(mark("this account is being deleted"))
    vendor = vendors.get_vendor(session, account.vendor_id).name
    raise AccountClosedError(
        mark("this account is closed; %(vendor)s can open it again"), vendor=vendor
    )


def close(
    session: Session, vendor_id: VendorId, account_id: AccountId, body: CloseAccount, by: Actor
) -> Account:
    """Close an account: nothing new comes in, and nothing is lost.

    Raises:
        ConflictError: It is closed already.
    """
    account = service.get_of_vendor(session, vendor_id, account_id)
    if account.is_closed:
        raise ConflictError("the account is closed already")
    account.closed_at = utc_now()
    account.kept_until = account.closed_at + timedelta(days=body.keep_days)
    _tell(session, account, "account.closed", by, kept_until=account.kept_until)
    return account


def reopen(session: Session, vendor_id: VendorId, account_id: AccountId, by: Actor) -> Account:
    """Open a closed account again, as it was.

    Raises:
        ConflictError: It is open, or gateways have been told to forget it.
    """
    account = service.get_of_vendor(session, vendor_id, account_id)
    if not account.is_closed:
        raise ConflictError("the account is open")
    if account.erase_at is not None:
        raise ConflictError("the account is being deleted: gateways forget it already")
    account.closed_at = account.kept_until = None
    _tell(session, account, "account.reopened", by)
    return account


def delete(
    session: Session, vendor_id: VendorId, account_id: AccountId, body: DeleteAccount, by: Actor
) -> DeletionView:
    """Begin to erase a closed account for good; asked again, perhaps without waiting any longer.

    Raises:
        ConflictError: It is open.
        InvalidError: The short name was not said once more.
    """
    account = service.get_of_vendor(session, vendor_id, account_id)
    if not account.is_closed:
        raise ConflictError("close the account first")
    if body.confirm != account.short_name:
        raise InvalidError(
            "confirm", "type the short name %(name)r: this cannot be undone",
            name=account.short_name,
        )  # fmt: skip
    if account.erase_at is None:
        _begin(session, account, by)
    if body.without_waiting:
        account.erase_at = utc_now()
        session.flush()
    return how_far(session, account)


def get_deletion(session: Session, vendor_id: VendorId, account_id: AccountId) -> DeletionView:
    account = service.get_of_vendor(session, vendor_id, account_id)
    if account.erase_at is None:
        raise NotFoundError("deletion", account_id)
    return how_far(session, account)


def how_far(session: Session, account: Account) -> DeletionView:
    assert account.erase_at is not None
    return DeletionView(
        account_id=account.id,
        waits_for_gateways=gateways.count_remembering(session, account.id),
        erase_at=account.erase_at,
    )


def go_on(session: Session) -> None:
    """Take one short step of what is to be erased; a time that is over begins it."""
    now = utc_now()
    for account in repository.list_kept_until(session, now):
        _begin(session, account, _SYSTEM)
    for account in repository.list_to_erase(session):
        if _is_due(session, account, now):
            erase_step(session, account)
            return


def erase_step(session: Session, account: Account) -> bool:
    """Erase some of an account; whether that was all of it."""
    tenant = tenants.account(account.id)
    gateways.revoke_all(session, tenant, _SYSTEM)
    enrolment.end_certificates(session, tenant)
    if erasing.erase_some(session, tenant, _ROWS_AT_ONCE) == _ROWS_AT_ONCE:
        return False
    vendor, subject = tenants.vendor(account.vendor_id), account.id
    told = {"name": account.name, "short_name": account.short_name}
    erasing.erase_rest(session, tenant)
    audit.record(
        session, vendor, "account.deleted", _SYSTEM, subject_kind="account", subject_id=subject,
        detail=told,
    )  # fmt: skip
    return True


def _is_due(session: Session, account: Account, now: datetime) -> bool:
    assert account.erase_at is not None
    return account.erase_at <= now or not gateways.count_remembering(session, account.id)


def _begin(session: Session, account: Account, by: Actor) -> None:
    account.erase_at = utc_now() + PATIENCE
    session.flush()
    for gateway in gateways.serving_gateways(session, account.id):
        gateways.stop_serving(session, gateway, account.id, by)
    _tell(session, account, "account.deletion-began", by)


def _tell(session: Session, account: Account, event: str, by: Actor, **detail: datetime) -> None:
    """Tell gateways how the account is, and both audits what became of it."""
    session.flush()
    feed.publish(session, account_stream(account.id), service.record_of(account))
    said = {"name": account.name, **{name: at.isoformat() for name, at in detail.items()}}
    for tenant in (tenants.account(account.id), tenants.vendor(account.vendor_id)):
        audit.record(
            session, tenant, event, by, subject_kind="account", subject_id=account.id,
            detail=said,
        )  # fmt: skip
