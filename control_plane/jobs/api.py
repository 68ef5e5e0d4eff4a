from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.commands import service as commands
from control_plane.commands.schemas import CommandView
from control_plane.jobs import requests, uploads
from control_plane.jobs import service as jobs
from control_plane.jobs.schemas import (
    CancelJobs,
    NewUpload,
    ReassignJob,
    ReleaseJob,
    UploadView,
)
from control_plane.jobs.views import JobDetailView, JobView, views_of
from control_plane.request import account_id, actor, caller, parts
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


@rest.get("/jobs/<job_id>/commands", Permission.SEE_JOBS, answer=Items[CommandView])
def list_commands(session: Session, job_id: JobId) -> Items[CommandView]:
    """List what was lately asked about a job, oldest first, and what became of it."""
    job = jobs.get_job(session, account_id(), job_id).job
    found = commands.list_about_job(session, caller().tenant, job.gateway_id, job_id)
    return Items[CommandView](items=[CommandView.model_validate(row) for row in found])


@rest.ask("/jobs/<job_id>/release", Permission.CHANGE_JOBS, body=ReleaseJob, answer=CommandView)
def release_job(session: Session, job_id: JobId, body: ReleaseJob) -> CommandView:
    """Ask the job's gateway to print it; the job's own timeline says when it has."""
    asked = requests.release(session, account_id(), job_id, body.printer_id, actor())
    return CommandView.model_validate(asked)


@rest.ask("/jobs/<job_id>/cancel", Permission.CHANGE_JOBS, answer=CommandView)
def cancel_job(session: Session, job_id: JobId) -> CommandView:
    """Ask the job's gateway to delete it with its documents."""
    return CommandView.model_validate(requests.cancel(session, account_id(), job_id, actor()))


@rest.ask("/jobs/cancel", Permission.CHANGE_JOBS, body=CancelJobs, answer=Items[CommandView])
def cancel_jobs(session: Session, body: CancelJobs) -> Items[CommandView]:
    """Ask for several jobs to be deleted; those that have ended already are left as they are."""
    asked = requests.cancel_many(session, account_id(), body.job_ids, actor())
    return Items[CommandView](items=[CommandView.model_validate(row) for row in asked])


@rest.ask("/jobs/<job_id>/reassign", Permission.CHANGE_JOBS, body=ReassignJob, answer=CommandView)
def reassign_job(session: Session, job_id: JobId, body: ReassignJob) -> CommandView:
    """Ask for a job that is nobody's to be given to a person."""
    asked = requests.reassign(session, account_id(), job_id, body.owner_id, actor())
    return CommandView.model_validate(asked)


@rest.post("/jobs/uploads", Permission.CHANGE_JOBS, body=NewUpload, answer=UploadView)
def create_upload(session: Session, body: NewUpload) -> UploadView:
    """Get a ticket and an address at a gateway for one document; 409 says why there is none."""
    caller().check_is_at_home()
    return uploads.create(
        session,
        account_id(),
        body,
        actor(),
        user_id=caller().user_id,
        signer=parts().keys.signer,
    )


def _shows_titles(session: Session) -> bool:
    """A vendor's people see titles only where the account allows it."""
    if not caller().is_descended:
        return True
    return accounts.get_account(session, account_id()).titles_visible_to_vendor


def _masked(session: Session, view: JobView) -> JobView:
    return view if _shows_titles(session) else view.model_copy(update={"title": ""})
