from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.accounts import repository, secrets
from control_plane.accounts.models import Account, Licence
from control_plane.accounts.schemas import AccountChanges, LicenceExtension, NewAccount
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.roles import service as roles
from control_plane.vault import Vault
from shared.ids import AccountId, VendorId, new_id
from shared.messages.records import AccountRecord, UnknownCards, account_stream

TRIAL: Final = timedelta(days=30)
TRIAL_DEVICES: Final = 10
_OWN: Final = ("name", "short_name", "language", "time_zone")

list_accounts = repository.list_accounts
list_all = repository.list_all
find_account = repository.find_account
licences = repository.licences
list_some = repository.list_some
count_of_vendor = repository.count_of_vendor
count_of_vendors = repository.count_of_vendors


def create(
    session: Session, vendor_id: VendorId, new: NewAccount, by: Actor, *, vault: Vault
) -> Account:
    """Make an account: with its own keys, its built-in roles and a trial licence of 30 days.

    Its domain and its owner are made by ``opening.open_account``.

    Raises:
        ConflictError: The vendor has an account of that short name.
    """
    if repository.find_by_short_name(session, vendor_id, new.short_name):
        raise ConflictError("there is an account with this short name", "short_name")
    plain = new.model_dump(include=set(_OWN))
    account = Account(id=AccountId(new_id()), vendor_id=vendor_id, **plain)
    session.add(account)
    session.flush()
    session.add(
        Licence(
            account_id=account.id,
            kind="trial",
            devices=TRIAL_DEVICES,
            expires_at=utc_now() + TRIAL,
        )
    )
    secrets.create_secrets(session, vault, account.id)
    roles.create_defaults(session, tenants.account(account.id))
    feed.publish(session, account_stream(account.id), record_of(account))
    for tenant in (tenants.account(account.id), tenants.vendor(vendor_id)):
        audit.record(
            session, tenant, "account.created", by, subject_kind="account",
            subject_id=account.id, detail=plain,
        )  # fmt: skip
    return account


def get_account(session: Session, account_id: AccountId) -> Account:
    account = repository.find_account(session, account_id)
    if account is None:
        raise NotFoundError("account", account_id)
    return account


def get_of_vendor(session: Session, vendor_id: VendorId, account_id: AccountId) -> Account:
    account = repository.find_of_vendor(session, vendor_id, account_id)
    if account is None:
        raise NotFoundError("account", account_id)
    return account


def get_by_short_name(session: Session, vendor_id: VendorId, short_name: str) -> Account:
    """Find an account by the name that people type.

    Raises:
        InvalidError: The vendor has none of this name.
    """
    account = repository.find_by_short_name(session, vendor_id, short_name)
    if account is None:
        raise InvalidError("short_name", "you have no account with this short name")
    return account


def update(
    session: Session,
    account_id: AccountId,
    body: AccountChanges,
    by: Actor,
    *,
    vault: Vault,
    expected_version: int | None = None,
) -> Account:
    account = get_account(session, account_id)
    changes.check_version(account, expected_version)
    changed = changes.apply(account, body)
    if account.unknown_cards == UnknownCards.ENROL.value:
        account.card_sealing_key = secrets.card_sealing_key(vault, account_id).public.hex()
    session.flush()
    if changed:
        feed.publish(session, account_stream(account.id), record_of(account))
        audit.record(
            session, tenants.account(account.id), "account.changed", by, subject_kind="account",
            subject_id=account.id, detail={"name": account.name, **changed},
        )  # fmt: skip
    return account


def licence(session: Session, account_id: AccountId) -> Licence:
    found = repository.find_licence(session, account_id)
    if found is None:
        raise NotFoundError("licence", account_id)
    return found


def extend_licence(
    session: Session, vendor_id: VendorId, account_id: AccountId, body: LicenceExtension, by: Actor
) -> Licence:
    """A vendor extends the licence of an account of its own."""
    account = get_of_vendor(session, vendor_id, account_id)
    found = licence(session, account.id)
    found.kind, found.devices, found.expires_at = "full", body.devices, body.expires_at
    session.flush()
    for tenant in (tenants.account(account.id), tenants.vendor(vendor_id)):
        audit.record(
            session, tenant, "licence.extended", by, subject_kind="account",
            subject_id=account.id, detail=body.model_dump(mode="json"),
        )  # fmt: skip
    return found


def record_of(account: Account) -> AccountRecord:
    return AccountRecord(
        id=account.id,
        name=account.name,
        short_name=account.short_name,
        language=account.language,
        time_zone=account.time_zone,
        retention_seconds=account.retention_seconds,
        titles_visible_to_vendor=account.titles_visible_to_vendor,
        claimed_allowed=account.claimed_allowed,
        offline_limit_seconds=account.offline_limit_seconds,
        card_needs_pin=account.card_needs_pin,
        hash_key_version=account.hash_key_version,
        is_closed=account.is_closed,
        unknown_cards=UnknownCards(account.unknown_cards),
        card_sealing_key=(
            bytes.fromhex(account.card_sealing_key) if account.card_sealing_key else None
        ),
    )
