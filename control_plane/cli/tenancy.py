"""``spoolhouse vendor|account|domain|grant|key``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from control_plane import tenants
from control_plane.accounts import closing
from control_plane.accounts import service as accounts
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
        return {"items": [VendorView.model_validate(vendor) for vendor in found]}


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
        return {"items": [AccountView.model_validate(account) for account in found]}


def change_account(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        body = AccountChanges(unknown_cards=arguments.unknown_cards)
        changed = accounts.update(desk.session, account.id, body, desk.by, vault=desk.vault)
        return AccountView.model_validate(changed)


def extend_licence(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        until = datetime.now(UTC) + timedelta(days=arguments.days)
        body = LicenceExtension(devices=arguments.devices, expires_at=until)
        licence = accounts.extend_licence(
            desk.session, account.vendor_id, account.id, body, desk.by
        )
        return LicenceView.model_validate(licence)


def close_account(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        body = CloseAccount(keep_days=arguments.keep_days)
        closed = closing.close(desk.session, account.vendor_id, account.id, body, desk.by)
        return AccountView.model_validate(closed)


def reopen_account(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        opened = closing.reopen(desk.session, account.vendor_id, account.id, desk.by)
        return AccountView.model_validate(opened)


def delete_account(arguments: Arguments) -> Any:
    """Begin it, or see how far it is; a running primary goes on with it by itself."""
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        body = DeleteAccount(confirm=arguments.confirm, without_waiting=arguments.without_waiting)
        return closing.delete(desk.session, account.vendor_id, account.id, body, desk.by)


def delete_vendor(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        vendor = desks.vendor(desk, arguments.vendor)
        if vendor.parent_id is None:
            raise CommandError("this vendor stands under nobody; it is the installation's own")
        vendor_id = vendor.id
        deleting.delete(desk.session, vendor.parent_id, vendor_id, desk.by)
        return {"id": vendor_id, "removed": True}


def add_domain(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        domain = domains.create(desk.session, owner, NewDomain(name=arguments.name), desk.by)
        if arguments.verified:
            domains.verify(desk.session, owner, domain.id, desk.by, verified_by="installation")
        return DomainView.model_validate(domain)


def verify_domain(arguments: Arguments) -> Any:
    """The installation's owner vouches: for places without a DNS that we could ask."""
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        domain = desks.domain(desk, owner, arguments.name)
        domains.verify(desk.session, owner, domain.id, desk.by, verified_by="installation")
        return DomainView.model_validate(domain)


def remove_domain(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        domain = desks.domain(desk, owner, arguments.name)
        domains.delete(desk.session, owner, domain.id, desk.by)
        return {"id": domain.id, "removed": True}


def list_domains(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        found = domains.list_domains(desk.session, desks.tenant(desk, arguments))
        return {"items": [DomainView.model_validate(domain) for domain in found]}


def give_grant(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        new = NewGrant.model_validate(
            {
                "permissions": arguments.permission,
                "hours": arguments.hours,
                "reason": arguments.reason,
            }
        )
        return GrantView.model_validate(grants.create(desk.session, account.id, new, desk.by))


def create_key(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
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


def revoke_key(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
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
