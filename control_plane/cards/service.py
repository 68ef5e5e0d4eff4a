"""Cards: their number is kept as a keyed hash, and sealed under the data key for re-keying."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import secrets
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import repository
from control_plane.cards.models import Card
from control_plane.cards.schemas import NewCard
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.users import service as users
from control_plane.vault import Vault
from shared import cards
from shared.ids import AccountId, CardId, PrinterId, UserId, new_id
from shared.messages.records import CardRecord, account_stream

list_cards = repository.list_cards
list_of_user = repository.list_of_user
list_of_users = repository.list_of_users
list_all = repository.list_all
count_used = repository.count_used


def create(
    session: Session, account_id: AccountId, new: NewCard, by: Actor, *, vault: Vault
) -> Card:
    """Give a person a card.

    Raises:
        InvalidError: The number is no card number, or there is no such person.
        ConflictError: Somebody has this card.
    """
    try:
        users.get_user(session, tenants.account(account_id), new.user_id)
        canonical = cards.canonical(new.number)
    except NotFoundError as error:
        raise InvalidError("user_id", str(error)) from None
    except ValueError as error:
        raise InvalidError("number", str(error)) from None
    if find_by_number(session, account_id, new.number, vault=vault):
        raise ConflictError("somebody has this card", "number")
    card = add(session, account_id, CardId(new_id()), new.user_id, canonical, vault=vault)
    _record_added(session, card, by)
    return card


def add(
    session: Session,
    account_id: AccountId,
    card_id: CardId,
    user_id: UserId,
    number: cards.Card,
    *,
    vault: Vault,
    enrolled_printer_id: PrinterId | None = None,
) -> Card:
    """Add a card that nobody has to a person of the account; gateways hear of it at once."""
    key = secrets.get_secret(session, vault, account_id, secrets.CARD_HMAC)
    card = _card(account_id, card_id, user_id, number, key=key, vault=vault)
    card.enrolled_printer_id = enrolled_printer_id
    session.add(card)
    session.flush()
    feed.publish(session, account_stream(account_id), record_of(card))
    return card


def holders(
    session: Session, account_id: AccountId, numbers: Iterable[cards.Card], *, vault: Vault
) -> dict[cards.Card, UserId]:
    """Tell who has which of these cards, of those that somebody has."""
    key = secrets.get_secret(session, vault, account_id, secrets.CARD_HMAC)
    by_hash = {cards.card_hash(key.secret, number): number for number in numbers}
    found = repository.holders(session, account_id, by_hash)
    return {by_hash[card_hash]: user_id for card_hash, user_id in found.items()}


def give_all(
    session: Session,
    account_id: AccountId,
    given: Iterable[tuple[UserId, cards.Card]],
    by: Actor,
    *,
    vault: Vault,
) -> None:
    """Give people of the account cards that nobody has, in as many statements as for one."""
    key = secrets.get_secret(session, vault, account_id, secrets.CARD_HMAC)
    made = [
        _card(account_id, CardId(new_id()), user_id, number, key=key, vault=vault)
        for user_id, number in given
    ]
    session.add_all(made)
    session.flush()
    feed.publish_all(session, account_stream(account_id), map(record_of, made))
    with audit.together(session):
        for card in made:
            _record_added(session, card, by)


def _card(
    account_id: AccountId,
    card_id: CardId,
    user_id: UserId,
    number: cards.Card,
    *,
    key: secrets.OpenSecret,
    vault: Vault,
) -> Card:
    return Card(
        id=card_id,
        account_id=account_id,
        user_id=user_id,
        card_hash=cards.card_hash(key.secret, number),
        last4=number.last4,
        hash_key_version=key.version,
        form_version=cards.FORM_VERSION,
        sealed_number=vault.seal(number.hex.encode(), _context(account_id, card_id)),
    )


def _record_added(session: Session, card: Card, by: Actor) -> None:
    audit.record(
        session, tenants.account(card.account_id), "card.added", by, subject_kind="card",
        subject_id=card.id, detail={"user_id": card.user_id, "last4": card.last4},
    )  # fmt: skip


def get_card(session: Session, account_id: AccountId, card_id: CardId) -> Card:
    card = repository.find_card(session, account_id, card_id)
    if card is None:
        raise NotFoundError("card", card_id)
    return card


def find_by_number(
    session: Session, account_id: AccountId, number: str, *, vault: Vault
) -> Card | None:
    """Find the card in use with this number; None also where it is no card number."""
    try:
        canonical = cards.canonical(number)
    except ValueError:
        return None
    key = secrets.get_secret(session, vault, account_id, secrets.CARD_HMAC)
    return repository.find_by_hash(session, account_id, cards.card_hash(key.secret, canonical))


def revoke(session: Session, account_id: AccountId, card_id: CardId, by: Actor) -> Card:
    """End a card: gateways hear of it at once. Ending it twice changes nothing."""
    card = get_card(session, account_id, card_id)
    if card.revoked_at is None:
        card.revoked_at = utc_now()
        session.flush()
        feed.retract(session, account_stream(account_id), "card", card.id)
        audit.record(
            session, tenants.account(account_id), "card.revoked", by, subject_kind="card",
            subject_id=card.id, detail={"user_id": card.user_id, "last4": card.last4},
        )  # fmt: skip
    return card


def open_number(card: Card, vault: Vault) -> cards.Card:
    """The number itself, which nobody is shown."""
    return cards.Card(vault.open(card.sealed_number, _context(card.account_id, card.id)).decode())


def record_of(card: Card) -> CardRecord:
    return CardRecord(
        id=card.id,
        user_id=card.user_id,
        card_hash=card.card_hash,
        last4=card.last4,
        hash_key_version=card.hash_key_version,
        form_version=card.form_version,
    )


def _context(account_id: AccountId, card_id: CardId) -> str:
    return f"card/{account_id}/{card_id}"
