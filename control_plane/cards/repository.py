from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from control_plane.cards.models import Card
from control_plane.paging import DEFAULT_LIMIT, Page, paginate
from shared.ids import AccountId, CardId, PrinterId, UserId


def find_card(session: Session, account_id: AccountId, card_id: CardId) -> Card | None:
    return session.scalars(
        select(Card).where(Card.account_id == account_id, Card.id == card_id)
    ).one_or_none()


def find_by_hash(session: Session, account_id: AccountId, card_hash: str) -> Card | None:
    """A card in use."""
    return session.scalars(
        select(Card).where(
            Card.account_id == account_id,
            Card.card_hash == card_hash,
            Card.revoked_at.is_(None),
        )
    ).one_or_none()


def list_of_user(session: Session, account_id: AccountId, user_id: UserId) -> Sequence[Card]:
    return session.scalars(
        select(Card)
        .where(Card.account_id == account_id, Card.user_id == user_id)
        .order_by(Card.created_at, Card.id)
    ).all()


def list_of_users(
    session: Session, account_id: AccountId, user_ids: Sequence[UserId]
) -> Sequence[Card]:
    """List the cards in use of some people."""
    return session.scalars(
        select(Card)
        .where(Card.account_id == account_id, Card.user_id.in_(user_ids), Card.revoked_at.is_(None))
        .order_by(Card.created_at, Card.id)
    ).all()


def list_cards(
    session: Session,
    account_id: AccountId,
    *,
    user_id: UserId | None = None,
    last4: str | None = None,
    with_revoked: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Card]:
    query = select(Card).where(Card.account_id == account_id)
    if user_id:
        query = query.where(Card.user_id == user_id)
    if last4:
        query = query.where(Card.last4 == last4.upper())
    if not with_revoked:
        query = query.where(Card.revoked_at.is_(None))
    by = (Card.created_at, Card.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, newest_first=True)


def mark_used(
    session: Session,
    account_id: AccountId,
    card_id: CardId,
    *,
    at: datetime,
    printer_id: PrinterId | None,
) -> None:
    """Remember the newest use; told late or twice it changes nothing."""
    session.execute(
        update(Card)
        .where(
            Card.account_id == account_id,
            Card.id == card_id,
            or_(Card.last_used_at.is_(None), Card.last_used_at < at),
        )
        .values(last_used_at=at, last_used_printer_id=printer_id)
        .execution_options(synchronize_session=False)
    )
