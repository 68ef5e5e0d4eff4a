"""Web sessions: the cookie holds a token, the table its hash. A GET never writes to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.security.models import WebSession
from control_plane.tenants import Tenant
from shared.ids import UserId, new_id
from shared.secrets import hash_token, new_token

# The prefix makes browsers insist on Secure, Path=/ and this very host (RFC 6265bis 4.1.3.2).
COOKIE: Final = "__Host-spoolhouse"
LIFETIME: Final = timedelta(hours=12)
_MAX_AGENT: Final = 200


def create(
    session: Session, tenant: Tenant, user_id: UserId, *, address: str, user_agent: str
) -> tuple[WebSession, str]:
    """Open a session; the token goes into the cookie and is never kept."""
    now, token = utc_now(), new_token()
    row = WebSession(
        token_hash=hash_token(token),
        id=new_id(),
        tenant=str(tenant),
        user_id=user_id,
        csrf_token=new_token(),
        created_at=now,
        seen_at=now,
        expires_at=now + LIFETIME,
        address=address,
        user_agent=user_agent[:_MAX_AGENT],
    )
    session.add(row)
    session.flush()
    return row, token


def find(session: Session, token: str) -> WebSession | None:
    row = session.get(WebSession, hash_token(token))
    return None if row is None or row.expires_at <= utc_now() else row


def list_of_user(session: Session, tenant: Tenant, user_id: UserId) -> Sequence[WebSession]:
    return session.scalars(
        select(WebSession)
        .where(
            WebSession.tenant == str(tenant),
            WebSession.user_id == user_id,
            WebSession.expires_at > utc_now(),
        )
        .order_by(WebSession.created_at.desc())
    ).all()


def end(session: Session, tenant: Tenant, user_id: UserId, session_id: str) -> bool:
    """End one of a person's sessions; whether there was one."""
    ended = session.scalars(
        delete(WebSession)
        .where(
            WebSession.tenant == str(tenant),
            WebSession.user_id == user_id,
            WebSession.id == session_id,
        )
        .returning(WebSession.id)
    ).all()
    return bool(ended)


def end_all(session: Session, tenant: Tenant, user_id: UserId) -> None:
    """End all sessions of a person: the password changed, or the person is locked."""
    session.execute(
        delete(WebSession).where(WebSession.tenant == str(tenant), WebSession.user_id == user_id)
    )


def has_come_from(session: Session, tenant: Tenant, user_id: UserId, address: str) -> bool:
    """Whether the person signed in from there lately."""
    row = session.scalar(
        select(WebSession.id)
        .where(
            WebSession.tenant == str(tenant),
            WebSession.user_id == user_id,
            WebSession.address == address,
        )
        .limit(1)
    )
    return row is not None


def mark_seen(session: Session, session_id: str, at: datetime) -> None:
    session.execute(update(WebSession).where(WebSession.id == session_id).values(seen_at=at))


def forget_old(session: Session, keep: timedelta = timedelta(days=30)) -> None:
    """Erase what ended long ago; until then it tells from where somebody usually comes."""
    session.execute(delete(WebSession).where(WebSession.expires_at < utc_now() - keep))
