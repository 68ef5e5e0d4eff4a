from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.errors import NotFoundError
from control_plane.request import actor, caller
from control_plane.rest.routing import Items, PageQuery, Rest, few
from control_plane.schemas import View
from control_plane.security import api_keys, sessions
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from shared.ids import UserId

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


@rest.get("/api-keys", Permission.SEE_SETTINGS, query=PageQuery, answer=Items[ApiKeyView])
def list_keys(session: Session, query: PageQuery) -> Items[ApiKeyView]:
    """List API keys, newest first."""
    return few(api_keys.list_keys(session, caller().tenant), ApiKeyView, query)


@rest.get("/api-keys/<key_id>", Permission.SEE_SETTINGS, answer=ApiKeyView)
def get_key(session: Session, key_id: str) -> ApiKeyView:
    """Show an API key, without what it is."""
    return ApiKeyView.model_validate(api_keys.get_key(session, caller().tenant, key_id))


class SessionView(View):
    """Somebody signed in with a browser."""

    id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


@rest.get(
    "/users/<user_id>/sessions",
    Permission.SEE_PEOPLE,
    query=PageQuery,
    answer=Items[SessionView],
)
def list_sessions(session: Session, user_id: UserId, query: PageQuery) -> Items[SessionView]:
    """List where a person is signed in, newest first."""
    user = users.get_user(session, caller().tenant, user_id)
    return few(sessions.list_of_user(session, caller().tenant, user.id), SessionView, query)


@rest.delete("/users/<user_id>/sessions/<session_id>", Permission.CHANGE_PEOPLE)
def end_session(session: Session, user_id: UserId, session_id: str) -> None:
    """Sign a person out somewhere."""
    user = users.get_user(session, caller().tenant, user_id)
    if not sessions.end(session, caller().tenant, user.id, session_id):
        raise NotFoundError("session", session_id)
    audit.record(
        session, caller().tenant, "user.session-ended", actor(), subject_kind="user",
        subject_id=user.id, detail={"username": user.username},
    )  # fmt: skip


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
