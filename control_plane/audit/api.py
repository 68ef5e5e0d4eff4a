from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.errors import NotFoundError
from control_plane.paging import EXPORT_LIMIT
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
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class ExportQuery(BaseModel):
    """Rows in the order of the chain; ``after`` is the ``seq`` of the last row that was seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(default=0, ge=0, le=2**53)
    limit: int = Field(default=EXPORT_LIMIT, ge=1, le=EXPORT_LIMIT)


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


class AuditExport(View):
    """Some rows of a chain; ``next_after`` null: these were the last."""

    tenant: str
    items: list[AuditView]
    next_after: int | None


@rest.get("/audit", Permission.SEE_AUDIT, query=AuditQuery, answer=Items[AuditView])
def list_audit(session: Session, query: AuditQuery) -> Items[AuditView]:
    """List the audit, newest first, with the hashes that chain it."""
    page = audit.list_events(session, caller().tenant, **query.model_dump())
    return items(page, AuditView)


@rest.get("/audit/export", Permission.SEE_AUDIT, query=ExportQuery, answer=AuditExport)
def export_audit(session: Session, query: ExportQuery) -> AuditExport:
    """Take the audit along in the order of its chain, so that it can be proved elsewhere."""
    rows = audit.list_after(session, caller().tenant, query.after, query.limit)
    views = [AuditView.model_validate(row) for row in rows]
    is_more = len(views) == query.limit
    return AuditExport(
        tenant=str(caller().tenant), items=views, next_after=views[-1].seq if is_more else None
    )


@rest.get("/audit/<event_id>", Permission.SEE_AUDIT, answer=AuditView)
def get_event(session: Session, event_id: str) -> AuditView:
    """Show one row of the audit."""
    row = audit.find_event(session, caller().tenant, event_id)
    if row is None:
        raise NotFoundError("audit row", event_id)
    return AuditView.model_validate(row)
