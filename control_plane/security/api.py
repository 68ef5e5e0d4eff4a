from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy.orm import Session

from control_plane.request import actor, caller
from control_plane.rest.routing import Items, Rest
from control_plane.schemas import View
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission

rest = Rest("api-keys", __name__)


class ApiKeyView(View):
    id: str
    name: str
    hint: str
    permissions: list[str]
    networks: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewApiKeyView(ApiKeyView):
    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"key"})

    key: str  # shown this once


class MeView(View):
    """Who asks, whose things it is about, and what they may do there."""

    kind: str
    id: str | None
    name: str
    tenant: str
    permissions: list[str]


@rest.get("/me", answer=MeView)
def get_me(session: Session) -> MeView:
    """Show who asks, and what they may do."""
    del session
    found = caller()
    return MeView(
        kind=found.actor.kind,
        id=found.actor.id,
        name=found.actor.name,
        tenant=str(found.tenant),
        permissions=sorted(permission.value for permission in found.permissions),
    )


@rest.get("/api-keys", Permission.SEE_SETTINGS, answer=Items[ApiKeyView])
def list_keys(session: Session) -> Items[ApiKeyView]:
    """List API keys, newest first."""
    found = api_keys.list_keys(session, caller().tenant)
    return Items[ApiKeyView](items=[ApiKeyView.model_validate(key) for key in found])


@rest.post("/api-keys", Permission.CHANGE_SETTINGS, body=NewApiKey, answer=NewApiKeyView)
def create_key(session: Session, body: NewApiKey) -> NewApiKeyView:
    """Make an API key that can do no more than its maker."""
    caller().check_is_at_home()
    row, key = api_keys.create(session, caller().tenant, body, actor(), may=caller().permissions)
    return NewApiKeyView(**ApiKeyView.model_validate(row).model_dump(), key=key)


@rest.delete("/api-keys/<key_id>", Permission.CHANGE_SETTINGS)
def revoke_key(session: Session, key_id: str) -> None:
    """End an API key."""
    api_keys.revoke(session, caller().tenant, key_id, actor())
