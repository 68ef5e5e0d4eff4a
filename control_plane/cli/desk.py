"""What every command needs: the state directory, its database, and names for things."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from control_plane import schema, settings, tenants
from control_plane import vault as vaults
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.audit.actor import Actor
from control_plane.cli.telling import CommandError
from control_plane.database import Database
from control_plane.domains import service as domains
from control_plane.domains.models import Domain
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.groups import service as groups
from control_plane.groups.models import Group
from control_plane.printers import service as printers
from control_plane.printers.models import Printer
from control_plane.queues import service as queues
from control_plane.queues.models import Queue
from control_plane.readers import service as readers
from control_plane.settings import Settings
from control_plane.sites import service as sites
from control_plane.sites.models import Site
from control_plane.tenants import Tenant
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.models import Vendor
from shared.ids import (
    AccountId,
    GatewayId,
    PrinterId,
    ReaderId,
    SiteId,
    UserId,
    VendorId,
    is_id,
)
from shared.secrets import canonical_username

T = TypeVar("T")


@dataclass(frozen=True)
class Desk:
    """An open transaction on the database of a state directory, and who works in it."""

    session: Session
    vault: Vault
    settings: Settings
    by: Actor


def state_of(arguments: argparse.Namespace) -> Path:
    """The state directory.

    Raises:
        CommandError: None was named.
    """
    text = arguments.state or os.environ.get("SPOOLHOUSE_STATE")
    if not text:
        raise CommandError("say where the state is: --state DIR, or SPOOLHOUSE_STATE=DIR")
    return Path(text)


def load_settings(arguments: argparse.Namespace) -> Settings:
    """The settings that the primary of this state directory runs with."""
    return settings.load(
        state_of(arguments), {"database_url": getattr(arguments, "database", None)}
    )


@contextmanager
def open_database(arguments: argparse.Namespace) -> Iterator[tuple[Settings, Database]]:
    found = load_settings(arguments)
    found.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(found.database_url)
    try:
        yield found, database
    finally:
        database.close()


@contextmanager
def at_desk(arguments: argparse.Namespace) -> Iterator[Desk]:
    """Work in one transaction; it commits where nothing goes wrong."""
    with open_database(arguments) as (found, database):
        schema.prepare(database)
        vault = Vault.open_or_create(found.keys)
        vaults.keep(database, vault)
        by = Actor("cli", name=getpass.getuser(), source="command line")
        with database.writing() as session:
            yield Desk(session, vault, found, by)


def vendor(desk: Desk, name: str) -> Vendor:
    """Find a vendor by id, name or domain.

    Raises:
        CommandError: There is none, or there are several.
    """
    if is_id(name):
        return vendors.get_vendor(desk.session, VendorId(name))
    if domain := domains.find_verified(desk.session, name):
        vendor_id = tenants.from_text(domain.tenant).vendor_id
        if vendor_id:
            return vendors.get_vendor(desk.session, vendor_id)
    found = [each for each in vendors.list_all(desk.session) if each.name == name]
    return only(found, "vendor", name)


def account(desk: Desk, name: str) -> Account:
    """Find an account by id, short name, name or domain.

    Raises:
        CommandError: There is none, or there are several.
    """
    if is_id(name):
        return accounts.get_account(desk.session, AccountId(name))
    if domain := domains.find_verified(desk.session, name):
        account_id = tenants.from_text(domain.tenant).account_id
        if account_id:
            return accounts.get_account(desk.session, account_id)
    every = accounts.list_all(desk.session)
    found = [each for each in every if each.short_name == name] or [
        each for each in every if each.name == name
    ]
    return only(found, "account", name)


def tenant(desk: Desk, arguments: argparse.Namespace) -> Tenant:
    """The vendor or account that the options name.

    Raises:
        CommandError: Neither, or both.
    """
    if bool(arguments.account) == bool(arguments.vendor):
        raise CommandError("say whose it is: --account NAME or --vendor NAME")
    if arguments.account:
        return tenants.account(account(desk, arguments.account).id)
    return tenants.vendor(vendor(desk, arguments.vendor).id)


def user(desk: Desk, owner: Tenant, name: str) -> User:
    if is_id(name):
        return users.get_user(desk.session, owner, UserId(name))
    try:
        found = users.find_by_username(desk.session, owner, canonical_username(name))
    except ValueError as error:
        raise CommandError(str(error)) from None
    return there_is(found, "user", name)


def printer(desk: Desk, account_id: AccountId, name: str) -> Printer:
    if is_id(name):
        return printers.get_printer(desk.session, account_id, PrinterId(name))
    return there_is(printers.find_by_name(desk.session, account_id, name), "printer", name)


def printer_id(desk: Desk, account_id: AccountId, name: str | None) -> PrinterId | None:
    return printer(desk, account_id, name).id if name else None


def site(desk: Desk, account_id: AccountId, name: str) -> Site:
    if is_id(name):
        return sites.get_site(desk.session, account_id, SiteId(name))
    return there_is(sites.find_by_name(desk.session, account_id, name), "site", name)


def site_id(desk: Desk, account_id: AccountId, name: str | None) -> SiteId | None:
    return site(desk, account_id, name).id if name else None


def queue(desk: Desk, account_id: AccountId, path: str) -> Queue:
    return there_is(queues.find_by_path(desk.session, account_id, path), "queue", path)


def group(desk: Desk, account_id: AccountId, name: str) -> Group:
    if is_id(name):
        return groups.get_group(desk.session, account_id, name)
    return there_is(groups.find_by_name(desk.session, account_id, name), "group", name)


def domain(desk: Desk, owner: Tenant, name: str) -> Domain:
    found = [each for each in domains.list_domains(desk.session, owner) if each.name == name]
    return only(found, "domain", name)


def reader_id(desk: Desk, account_id: AccountId, name: str | None) -> ReaderId | None:
    if name is None:
        return None
    if is_id(name):
        return readers.get_reader(desk.session, account_id, ReaderId(name)).id
    return there_is(readers.find_by_name(desk.session, account_id, name), "reader", name).id


def gateway(desk: Desk, owner: Tenant, name: str) -> Gateway:
    """Find a gateway by id or name: one's own, or one that serves the account."""
    if is_id(name):
        return gateways.get_gateway(desk.session, owner, GatewayId(name))
    found = [
        each
        for each in gateways.list_gateways(desk.session, owner, text=name).items
        if each.name == name
    ]
    return only(found, "gateway", name)


def gateway_id(desk: Desk, owner: Tenant, name: str | None) -> GatewayId | None:
    return gateway(desk, owner, name).id if name else None


def wishes(more: Mapping[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    """What somebody said that is to be different; ``more`` may also take something away.

    Raises:
        CommandError: Nothing is.
    """
    found = {name: value for name, value in said.items() if value is not None} | {**(more or {})}
    if not found:
        raise CommandError("say what is to be different; --help names what can be")
    return found


def there_is(found: T | None, kind: str, name: str) -> T:
    if found is None:
        raise CommandError(f"there is no {kind} {name!r}")
    return found


def only(found: list[T], kind: str, name: str) -> T:
    if len(found) > 1:
        raise CommandError(f"there are several {kind}s {name!r}; give the id")
    return there_is(next(iter(found), None), kind, name)
