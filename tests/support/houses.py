"""A vendor with two accounts in a database: Ada and Ben at Alder, Cleo at Cedar, Vic for all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import NewAccount
from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import NewGateway
from control_plane.printers import service as printers
from control_plane.printers.models import Printer
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.models import Queue
from control_plane.queues.schemas import NewQueue
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.models import Vendor
from control_plane.vendors.schemas import NewVendor
from shared.messages.records import QueueType

PASSWORD = "correct horse"
TESTER = Actor("cli", name="a test")


@dataclass(frozen=True)
class House:
    """One account with one of everything."""

    account: Account
    gateway: Gateway
    printer: Printer
    pull: Queue


@dataclass(frozen=True)
class Town:
    """Vic's two accounts."""

    vendor: Vendor
    vic: User
    alder: House
    ada: User
    ben: User
    cedar: House
    cleo: User


def a_house(session: Session, vendor: Vendor, vault: Vault, name: str) -> House:
    new = NewAccount(name=name, short_name=name.lower())
    account = accounts.create(session, vendor.id, new, TESTER, vault=vault)
    gateway = gateways.create(
        session, tenants.account(account.id), NewGateway(name=f"{name} one"), TESTER, vault=vault
    )
    printer = printers.create(
        session, account.id, NewPrinter(name="Hall", uri="ipp://192.0.2.7/ipp/print"), TESTER
    )
    pull = queues.create(
        session, account.id, NewQueue(name="Pull", path="pull", type=QueueType.PULL), TESTER
    )
    return House(account, gateway, printer, pull)


def a_user(
    session: Session, house: House, vault: Vault, name: str, *roles: str, password: bool = True
) -> User:
    new = NewUser(
        username=name,
        display_name=name,
        password=PASSWORD if password else None,
        roles=roles or ("user",),
    )
    return users.create(session, tenants.account(house.account.id), new, TESTER, vault=vault)


def a_town(database: Database, vault: Vault) -> Town:
    with database.writing() as session:
        vendor = vendors.create(session, NewVendor(name="Vic's Print Services"), TESTER)
        vic = users.create(
            session,
            tenants.vendor(vendor.id),
            NewUser(username="vic", display_name="Vic", password=PASSWORD, roles=("owner",)),
            TESTER,
            vault=vault,
        )
        alder = a_house(session, vendor, vault, "Alder")
        cedar = a_house(session, vendor, vault, "Cedar")
        return Town(
            vendor=vendor,
            vic=vic,
            alder=alder,
            ada=a_user(session, alder, vault, "Ada", "owner"),
            ben=a_user(session, alder, vault, "Ben"),
            cedar=cedar,
            cleo=a_user(session, cedar, vault, "Cleo", "owner"),
        )
