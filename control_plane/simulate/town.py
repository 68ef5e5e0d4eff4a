"""The accounts that simulated gateways work for, and what changes in them while a fleet runs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import NewAccount
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.database import Database
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue
from control_plane.simulate.identities import MAKER
from control_plane.simulate.work import House
from control_plane.users import service as users
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from shared.ids import CardId, VendorId
from shared.messages.records import QueueType

VENDOR = "Simulation"


@dataclass(frozen=True, slots=True)
class Change:
    """A card that was given or taken; gateways should hear of it."""

    card_id: CardId
    deleted: bool


def prepare(database: Database, vault: Vault, count: int) -> list[House]:
    """Find or make accounts, each with a user, a card, a queue and a printer."""
    with database.writing() as session:
        every = [vendor for vendor in vendors.list_all(session) if vendor.name == VENDOR]
        vendor = every[0] if every else vendors.create(session, NewVendor(name=VENDOR), MAKER)
        known = {account.short_name: account for account in accounts.list_all(session)}
        return [
            _house(session, vault, vendor.id, known.get(f"simulated-{n}"), n)
            for n in range(1, count + 1)
        ]


def _house(
    session: Session, vault: Vault, vendor_id: VendorId, account: Account | None, number: int
) -> House:
    name = f"simulated-{number}"
    if account is None:
        new = NewAccount(name=f"Simulated {number}", short_name=name)
        account = accounts.create(session, vendor_id, new, MAKER, vault=vault)
    tenant = tenants.account(account.id)
    user = users.find_by_username(session, tenant, "somebody") or users.create(
        session, tenant, NewUser(username="somebody", display_name="Somebody"), MAKER, vault=vault
    )
    printer = printers.find_by_name(session, account.id, "Hall") or printers.create(
        session, account.id, NewPrinter(name="Hall", uri="ipp://192.0.2.7/ipp/print"), MAKER
    )
    queue = next(iter(queues.list_queues(session, account.id).items), None) or queues.create(
        session, account.id, NewQueue(name="Pull", path="pull", type=QueueType.PULL), MAKER
    )
    card = next(
        (each for each in cards.list_of_user(session, account.id, user.id) if not each.revoked_at),
        None,
    ) or cards.create(session, account.id, _card(user.id), MAKER, vault=vault)
    return House(account.id, queue.id, printer.id, user.id, card.id)


def change(database: Database, vault: Vault, house: House) -> list[Change]:
    """Give somebody a second card, or take it back where they have one."""
    with database.writing() as session:
        owned = cards.list_of_user(session, house.account_id, house.user_id)
        second = [card for card in owned if card.id != house.card_id and not card.revoked_at]
        if second:
            for card in second:
                cards.revoke(session, house.account_id, card.id, MAKER)
            return [Change(card.id, deleted=True) for card in second]
        new = cards.create(session, house.account_id, _card(house.user_id), MAKER, vault=vault)
        return [Change(new.id, deleted=False)]


def _card(user_id: str) -> NewCard:
    return NewCard.model_validate({"user_id": user_id, "number": secrets.token_hex(7)})
