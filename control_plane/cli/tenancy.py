"""``spoolhouse vendor|account|domain|grant|key``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from control_plane import tenants
from control_plane.accounts import closing
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import (
    AccountChanges,
    AccountView,
    CloseAccount,
    DeleteAccount,
    LicenceExtension,
    LicenceView,
    NewAccount,
)
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk, at_desk
from control_plane.cli.telling import CommandError
from control_plane.cli.verbs import listed, of_account, of_tenant, removed
from control_plane.domains import service as domains
from control_plane.domains.schemas import DomainView, NewDomain
from control_plane.grants import service as grants
from control_plane.grants.schemas import GrantView, NewGrant
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES
from control_plane.tenants import Tenant
from control_plane.vendors import deleting
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor, VendorChanges, VendorView

Arguments = argparse.Namespace


def create_vendor(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        parent = desks.vendor(desk, arguments.parent).id if arguments.parent else None
        new = NewVendor(name=arguments.name)
        vendor = vendors.create(desk.session, new, desk.by, parent_id=parent)
        host = _give_domain(desk, tenants.vendor(vendor.id), arguments.domain, vendor.name)
        return {**VendorView.model_validate(vendor).model_dump(mode="json"), "domain": host}


def list_vendors(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        found = vendors.list_all(desk.session)
        return listed(VendorView, found)


def change_vendor(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        vendor = desks.vendor(desk, arguments.vendor)
        body = VendorChanges(name=arguments.name)
        return VendorView.model_validate(vendors.update(desk.session, vendor.id, body, desk.by))


def create_account(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        vendor = desks.vendor(desk, arguments.vendor)
        new = NewAccount(
            name=arguments.name,
            short_name=arguments.short_name,
            language=arguments.language,
            time_zone=arguments.time_zone,
        )
        account = accounts.create(desk.session, vendor.id, new, desk.by, vault=desk.vault)
        host = _give_domain(desk, tenants.account(account.id), arguments.domain, account.name)
        return {**AccountView.model_validate(account).model_dump(mode="json"), "domain": host}


def list_accounts(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        found = accounts.list_all(desk.session)
        if arguments.vendor:
            vendor = desks.vendor(desk, arguments.vendor)
            found = [account for account in found if account.vendor_id == vendor.id]
        return listed(AccountView, found)


@of_account
def change_account(desk: Desk, account: Account, arguments: Arguments) -> Any:
    body = AccountChanges(unknown_cards=arguments.unknown_cards)
    changed = accounts.update(desk.session, account.id, body, desk.by, vault=desk.vault)
    return AccountView.model_validate(changed)


@of_account
def extend_licence(desk: Desk, account: Account, arguments: Arguments) -> Any:
    until = datetime.now(UTC) + timedelta(days=arguments.days)
    body = LicenceExtension(devices=arguments.devices, expires_at=until)
    licence = accounts.extend_licence(desk.session, account.vendor_id, account.id, body, desk.by)
    return LicenceView.model_validate(licence)


@of_account
def close_account(desk: Desk, account: Account, arguments: Arguments) -> Any:
    body = CloseAccount(keep_days=arguments.keep_days)
    closed = closing.close(desk.session, account.vendor_id, account.id, body, desk.by)
    return AccountView.model_validate(closed)


@of_account
def reopen_account(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    opened = closing.reopen(desk.session, account.vendor_id, account.id, desk.by)
    return AccountView.model_validate(opened)


@of_account
def delete_account(desk: Desk, account: Account, arguments: Arguments) -> Any:
    """Begin it, or see how far it is; a running primary goes on with it by itself."""
    body = DeleteAccount(confirm=arguments.confirm, without_waiting=arguments.without_waiting)
    return closing.delete(desk.session, account.vendor_id, account.id, body, desk.by)


def delete_vendor(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        vendor = desks.vendor(desk, arguments.vendor)
        if vendor.parent_id is None:
            raise CommandError("this vendor stands under nobody; it is the installation's own")
        vendor_id = vendor.id
        deleting.delete(desk.session, vendor.parent_id, vendor_id, desk.by)
        return removed(vendor_id)


@of_tenant
def add_domain(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    domain = domains.create(desk.session, owner, NewDomain(name=arguments.name), desk.by)
    if arguments.verified:
        domains.verify(desk.session, owner, domain.id, desk.by, verified_by="installation")
    return DomainView.model_validate(domain)


@of_tenant
def verify_domain(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    """The installation's owner vouches: for places without a DNS that we could ask."""
    domain = desks.domain(desk, owner, arguments.name)
    domains.verify(desk.session, owner, domain.id, desk.by, verified_by="installation")
    return DomainView.model_validate(domain)


@of_tenant
def remove_domain(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    domain = desks.domain(desk, owner, arguments.name)
    domains.delete(desk.session, owner, domain.id, desk.by)
    return removed(domain.id)


@of_tenant
def list_domains(desk: Desk, owner: Tenant, _arguments: Arguments) -> Any:
    found = domains.list_domains(desk.session, owner)
    return listed(DomainView, found)


@of_account
def give_grant(desk: Desk, account: Account, arguments: Arguments) -> Any:
    new = NewGrant.model_validate(
        {
            "permissions": arguments.permission,
            "hours": arguments.hours,
            "reason": arguments.reason,
        }
    )
    return GrantView.model_validate(grants.create(desk.session, account.id, new, desk.by))


@of_tenant
def create_key(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    roles = ACCOUNT_ROLES if owner.account_id else VENDOR_ROLES
    named = {permission.value for permission in roles[arguments.role]}
    new = NewApiKey.model_validate(
        {
            "name": arguments.name,
            "permissions": sorted(arguments.permission or named),
            "days": arguments.days,
            "networks": arguments.network or [],
        }
    )
    row, key = api_keys.create(desk.session, owner, new, desk.by)
    return {"id": row.id, "name": row.name, "key": key, "permissions": row.permissions}


def list_keys(arguments: Arguments) -> Any:
    """What is known of keys; the keys themselves nobody knows any more."""
    names = ("id", "name", "hint", "expires_at", "revoked_at", "permissions", "networks")
    with at_desk(arguments) as desk:
        found = api_keys.list_keys(desk.session, desks.tenant(desk, arguments))
        return {"items": [{name: getattr(row, name) for name in names} for row in found]}


@of_tenant
def revoke_key(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    row = api_keys.revoke(desk.session, owner, arguments.id, desk.by)
    return {"id": row.id, "revoked_at": row.revoked_at}


def _give_domain(desk: Desk, owner: Tenant, host: str | None, brand: str) -> str | None:
    """The installation's owner names the host: it is verified by that, and audited."""
    if host is None:
        return None
    new = NewDomain(name=host, brand_name=brand)
    domain = domains.create(desk.session, owner, new, desk.by)
    domains.verify(desk.session, owner, domain.id, desk.by, verified_by="installation")
    return domain.name
