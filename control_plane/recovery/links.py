"""One-time links: looked at as often as one likes, used up by a POST alone.

Mail scanners and link previews follow links; a link that a GET uses up would be theirs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.errors import NotFoundError
from control_plane.tenants import Tenant
from control_plane.users.models import OneTimeLink
from shared.ids import UserId
from shared.secrets import hash_token, new_token

LIFETIME: Final = timedelta(hours=1)
RECOVERY: Final = "recovery"
SETUP: Final = "setup"


def create(session: Session, purpose: str, tenant: Tenant, user_id: UserId | None = None) -> str:
    """Make a link's token; earlier ones for the same are void. It is shown once."""
    now, token = utc_now(), new_token()
    session.execute(
        update(OneTimeLink)
        .where(
            OneTimeLink.purpose == purpose,
            OneTimeLink.tenant == str(tenant),
            OneTimeLink.user_id == user_id,
            OneTimeLink.used_at.is_(None),
        )
        .values(expires_at=now)
    )
    session.add(
        OneTimeLink(
            token_hash=hash_token(token),
            purpose=purpose,
            tenant=str(tenant),
            user_id=user_id,
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    return token


def get_open(session: Session, purpose: str, tenant: Tenant, token: str) -> OneTimeLink:
    """Look at a link without using it.

    Raises:
        NotFoundError: It is unknown, used, too old, or for somebody else's host.
    """
    link = session.scalars(
        select(OneTimeLink).where(
            OneTimeLink.token_hash == hash_token(token),
            OneTimeLink.purpose == purpose,
            OneTimeLink.tenant == str(tenant),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > utc_now(),
        )
    ).one_or_none()
    if link is None:
        raise NotFoundError("link")
    return link


def use(session: Session, purpose: str, tenant: Tenant, token: str) -> OneTimeLink:
    """Use a link up; of two who come at the same moment one is too late.

    Raises:
        NotFoundError: It is unknown, used, too old, or for somebody else's host.
    """
    link = get_open(session, purpose, tenant, token)
    used = session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.token_hash == link.token_hash, OneTimeLink.used_at.is_(None))
        .values(used_at=utc_now())
        .returning(OneTimeLink.token_hash)
    ).one_or_none()
    if used is None:
        raise NotFoundError("link")
    return link
