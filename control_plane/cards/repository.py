from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.cards.models import Card
from control_plane.paging import DEFAULT_LIMIT, Page, paginate
from shared.ids import AccountId, CardId, UserId
from shared.messages.events import AuditRecorded


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


def was_revoked(session: Session, account_id: AccountId, card_hash: str) -> bool:
    """Whether an administrator took a card with this number away from somebody."""
    query = select(Card.id).where(
        Card.account_id == account_id, Card.card_hash == card_hash, Card.revoked_at.is_not(None)
    )
    return session.scalars(query.limit(1)).first() is not None


def list_all(session: Session, account_id: AccountId) -> Sequence[Card]:
    """List every card, revoked ones too."""
    return session.scalars(select(Card).where(Card.account_id == account_id)).all()


def count_used(session: Session, account_id: AccountId) -> int:
    """Count the cards in use."""
    query = select(func.count()).select_from(Card)
    used = query.where(Card.account_id == account_id, Card.revoked_at.is_(None))
    return session.scalar(used) or 0


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


def mark_all_used(session: Session, uses: Iterable[AuditRecorded]) -> None:
    """Remember the newest use of cards, one each; told late or twice it changes nothing."""
    mine = {(use.account_id, use.card_id): use for use in uses}
    rows = session.execute(
        select(Card.id, Card.account_id).where(
            bulk.among(session, Card.id, {card_id for _, card_id in mine if card_id})
        )
    ).all() if mine else ()  # fmt: skip
    used = [
        {"id": card_id, "last_used_at": use.at, "last_used_printer_id": use.printer_id}
        for card_id, account_id in rows
        # Somebody else's card is nobody's business.
        if (use := mine.get((account_id, card_id)))
    ]
    bulk.update(session, Card, used, newer_by=("last_used_at",))


def holders(session: Session, account_id: AccountId, hashes: Collection[str]) -> dict[str, UserId]:
    """Tell whose the cards in use with these hashes are."""
    rows = session.execute(
        select(Card.card_hash, Card.user_id).where(
            Card.account_id == account_id,
            Card.revoked_at.is_(None),
            bulk.among(session, Card.card_hash, hashes),
        )
    )
    return {row.card_hash: row.user_id for row in rows}
