from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.request import caller
from control_plane.rest.routing import Items, PageQuery, Rest, items
from control_plane.schemas import View
from control_plane.security.permissions import Permission

rest = Rest("audit", __name__)


class AuditQuery(PageQuery):
    event: str | None = Field(default=None, max_length=100, description="such as card.")
    outcome: Literal["ok", "refused"] | None = None
    subject_id: str | None = None
    actor_id: str | None = None
    text: str | None = Field(default=None, max_length=200)


class AuditView(View):
    id: str
    seq: int
    event: str
    outcome: str
    at: datetime
    recorded_at: datetime
    actor_kind: str
    actor_id: str | None
    actor_name: str
    subject_kind: str
    subject_id: str | None
    source: str
    detail: dict[str, Any]
    previous: str
    hash: str


@rest.get("/audit", Permission.SEE_AUDIT, query=AuditQuery, answer=Items[AuditView])
def list_audit(session: Session, query: AuditQuery) -> Items[AuditView]:
    """List the audit, newest first, with the hashes that chain it."""
    page = audit.list_events(session, caller().tenant, **query.model_dump())
    return items(page, AuditView)
