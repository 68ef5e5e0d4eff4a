from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.jobs import service as jobs
from control_plane.jobs.views import JobDetailView, JobView, views_of
from control_plane.request import account_id, caller
from control_plane.rest.routing import Items, Rest, TextQuery
from control_plane.security.permissions import Permission
from shared.ids import GatewayId, JobId, PrinterId, QueueId, UserId
from shared.job_states import JobState

rest = Rest("jobs", __name__)
StateWord = Literal[
    "pending", "pending-held", "processing", "processing-stopped",
    "canceled", "aborted", "completed",
]  # fmt: skip
_STATES = {state.keyword: state for state in JobState}


class JobQuery(TextQuery):
    state: StateWord | None = None
    owner_id: UserId | None = None
    queue_id: QueueId | None = None
    printer_id: PrinterId | None = None
    gateway_id: GatewayId | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


@rest.get("/jobs", Permission.SEE_JOBS, query=JobQuery, answer=Items[JobView])
def list_jobs(session: Session, query: JobQuery) -> Items[JobView]:
    """List jobs, newest first."""
    given: dict[str, Any] = query.model_dump(exclude={"state"})
    states = [_STATES[query.state]] if query.state else []
    if not _shows_titles(session):
        given["text"] = None  # A search would tell what a title is.
    page = jobs.list_jobs(session, account_id(), states=states, **given)
    views = [_masked(session, view) for view in views_of(session, account_id(), page.items)]
    return Items[JobView](items=views, next_cursor=page.next_cursor)


@rest.get("/jobs/<job_id>", Permission.SEE_JOBS, answer=JobDetailView)
def get_job(session: Session, job_id: JobId) -> JobDetailView:
    """Show a job with its timeline, page counts and usage."""
    detail = jobs.get_job(session, account_id(), job_id)
    view = _masked(session, views_of(session, account_id(), [detail.job])[0])
    return JobDetailView.of(view, detail)


def _shows_titles(session: Session) -> bool:
    """A vendor's people see titles only where the account allows it."""
    if not caller().is_descended:
        return True
    return accounts.get_account(session, account_id()).titles_visible_to_vendor


def _masked(session: Session, view: JobView) -> JobView:
    return view if _shows_titles(session) else view.model_copy(update={"title": ""})
