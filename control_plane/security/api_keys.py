"""API keys: for programs. A key fixes the tenant; it is shown once and kept as its hash."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ForbiddenError, NotFoundError
from control_plane.schemas import Body, Name, Network
from control_plane.security.models import ApiKey
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from shared.ids import new_id
from shared.secrets import hash_token, new_token

PREFIX: Final = "shk_"
_HINT: Final = 8


class NewApiKey(Body):
    name: Name
    permissions: tuple[Permission, ...]
    days: Annotated[int, Field(ge=1, le=3660)] | None = 365
    networks: tuple[Network, ...] = ()


def create(
    session: Session,
    tenant: Tenant,
    new: NewApiKey,
    by: Actor,
    *,
    may: frozenset[Permission] | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; it can do no more than its maker.

    Raises:
        ForbiddenError: It was to have a permission that its maker has not.
    """
    for permission in new.permissions:
        if may is not None and permission not in may:
            raise ForbiddenError(permission.value)
    now, key = utc_now(), PREFIX + new_token()
    row = ApiKey(
        id=new_id(),
        tenant=str(tenant),
        name=new.name,
        key_hash=hash_token(key),
        hint=key[:_HINT],
        permissions=sorted(permission.value for permission in new.permissions),
        networks=list(new.networks),
        created_at=now,
        expires_at=now + timedelta(days=new.days) if new.days else None,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, tenant, "api-key.created", by, subject_kind="api-key", subject_id=row.id,
        detail=new.model_dump(mode="json"),
    )  # fmt: skip
    return row, key


def find_valid(session: Session, key: str, address: str) -> ApiKey | None:
    """The key, if it is one, in force, and used from where it may be."""
    row = session.scalars(
        select(ApiKey).where(ApiKey.key_hash == hash_token(key), ApiKey.revoked_at.is_(None))
    ).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= utc_now()):
        return None
    return row if _is_allowed(row.networks, address) else None


def _is_allowed(networks: Sequence[str], address: str) -> bool:
    if not networks:
        return True
    try:
        source = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(source in ipaddress.ip_network(network) for network in networks)


def list_keys(session: Session, tenant: Tenant) -> Sequence[ApiKey]:
    return session.scalars(
        select(ApiKey).where(ApiKey.tenant == str(tenant)).order_by(ApiKey.id.desc())
    ).all()


def get_key(session: Session, tenant: Tenant, key_id: str) -> ApiKey:
    row = session.scalars(
        select(ApiKey).where(ApiKey.tenant == str(tenant), ApiKey.id == key_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("API key", key_id)
    return row


def revoke(session: Session, tenant: Tenant, key_id: str, by: Actor) -> ApiKey:
    row = get_key(session, tenant, key_id)
    if row.revoked_at is None:
        row.revoked_at = utc_now()
        session.flush()
        audit.record(
            session, tenant, "api-key.revoked", by, subject_kind="api-key", subject_id=key_id,
            detail={"name": row.name},
        )  # fmt: skip
    return row
