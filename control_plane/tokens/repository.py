from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Page, paginate
from control_plane.tokens.models import PrintToken
from shared.ids import AccountId, PrintTokenId, UserId


def find_token(
    session: Session, account_id: AccountId, token_id: PrintTokenId
) -> PrintToken | None:
    return session.scalars(
        select(PrintToken).where(PrintToken.account_id == account_id, PrintToken.id == token_id)
    ).one_or_none()


def list_of_user(session: Session, account_id: AccountId, user_id: UserId) -> Sequence[PrintToken]:
    """List a person's tokens, newest first, also those that were revoked."""
    return session.scalars(
        select(PrintToken)
        .where(PrintToken.account_id == account_id, PrintToken.user_id == user_id)
        .order_by(PrintToken.created_at.desc(), PrintToken.id.desc())
    ).all()


def list_tokens(
    session: Session,
    account_id: AccountId,
    *,
    user_id: UserId | None = None,
    with_revoked: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[PrintToken]:
    query = select(PrintToken).where(PrintToken.account_id == account_id)
    if user_id:
        query = query.where(PrintToken.user_id == user_id)
    if not with_revoked:
        query = query.where(PrintToken.revoked_at.is_(None))
    by = (PrintToken.created_at, PrintToken.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, newest_first=True)


def mark_used(
    session: Session, account_id: AccountId, token_id: PrintTokenId, *, at: datetime
) -> None:
    """Remember the newest use; told late or twice it changes nothing."""
    session.execute(
        update(PrintToken)
        .where(
            PrintToken.account_id == account_id,
            PrintToken.id == token_id,
            or_(PrintToken.last_used_at.is_(None), PrintToken.last_used_at < at),
        )
        .values(last_used_at=at)
        .execution_options(synchronize_session=False)
    )
