from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from control_plane.cards import rekeying
from control_plane.cards import service as cards
from control_plane.cards.schemas import CardKeyView, CardView, NewCard
from control_plane.request import account_id, actor, caller, vault
from control_plane.rest.routing import Items, PageQuery, Rest, items
from control_plane.security.permissions import Permission
from shared.ids import CardId, UserId

rest = Rest("cards", __name__)


class CardQuery(PageQuery):
    user_id: UserId | None = None
    last4: Annotated[str, Field(max_length=4)] | None = None
    with_revoked: bool = False


@rest.get("/cards", Permission.SEE_PEOPLE, query=CardQuery, answer=Items[CardView])
def list_cards(session: Session, query: CardQuery) -> Items[CardView]:
    """List cards, newest first."""
    page = cards.list_cards(session, account_id(), **query.model_dump())
    return items(page, CardView)


@rest.post("/cards", Permission.CHANGE_PEOPLE, body=NewCard, answer=CardView)
def add_card(session: Session, body: NewCard) -> CardView:
    """Give a person a card; its number is kept as a keyed hash."""
    card = cards.create(session, account_id(), body, actor(), vault=vault())
    return CardView.model_validate(card)


@rest.get("/account/card-key", Permission.SEE_SETTINGS, answer=CardKeyView)
def get_card_key(session: Session) -> CardKeyView:
    """Show which key hashes the account's cards; never the key."""
    return CardKeyView.model_validate(rekeying.current(session, account_id()))


@rest.act("/account/card-key", Permission.CHANGE_SETTINGS, answer=CardKeyView)
def change_card_key(session: Session) -> CardKeyView:
    """Make a new key and hash every card anew; people notice nothing."""
    caller().check_is_at_home()
    found = rekeying.change_key(session, account_id(), actor(), vault=vault())
    return CardKeyView.model_validate(found)


@rest.get("/cards/<card_id>", Permission.SEE_PEOPLE, answer=CardView)
def get_card(session: Session, card_id: CardId) -> CardView:
    """Show a card."""
    return CardView.model_validate(cards.get_card(session, account_id(), card_id))


@rest.delete("/cards/<card_id>", Permission.CHANGE_PEOPLE)
def revoke_card(session: Session, card_id: CardId) -> None:
    """End a card, everywhere at once."""
    cards.revoke(session, account_id(), card_id, actor())
