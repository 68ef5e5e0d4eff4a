"""How a job is shown to programs: by the REST API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.jobs import repository, service
from control_plane.jobs.models import Job
from control_plane.schemas import View
from control_plane.users import service as users
from shared.ids import AccountId
from shared.job_states import JobState


class CountView(View):
    source: str
    confidence: str
    impressions: int | None
    color_impressions: int | None
    note: str
    at: datetime


class JobView(View):
    id: str
    number: int
    title: str
    state: str
    reasons: list[str]
    message: str
    identity: str
    owner: str | None  # user name, or None where nobody knows or the person is gone
    owner_id: str | None
    claimed_name: str | None
    queue_id: str
    queue: str | None
    printer_id: str | None
    printer: str | None
    gateway_id: str
    gateway: str | None
    document_format: str
    size_bytes: int
    impressions: int | None
    color_impressions: int | None
    impressions_source: str | None
    source_protocol: str
    source_address: str
    received_at: datetime
    kept_until: datetime
    released_at: datetime | None
    ended_at: datetime | None
    first_byte_ms: int | None
    home_epoch: int
    revision: int
    counts: list[CountView]


class TimelineView(View):
    event: str
    state: str
    reasons: list[str]
    at: datetime
    revision: int
    home_epoch: int
    message: str
    by: str
    by_user_id: str | None
    printer_id: str | None
    reader_id: str | None
    first_byte_ms: int | None
    detail: dict[str, Any]


class UsageView(View):
    id: str
    at: datetime
    impressions: int | None
    copies: int
    sides: str
    source: str
    confidence: str
    printer_id: str
    printer_impressions: int | None


class JobDetailView(JobView):
    timeline: list[TimelineView]
    usage: list[UsageView]

    @classmethod
    def of(cls, view: JobView, detail: service.JobDetail) -> JobDetailView:
        lines = [{**vars(line), "state": JobState(line.state).keyword} for line in detail.timeline]
        return cls.model_validate(
            {
                **view.model_dump(),
                "timeline": [TimelineView.model_validate(line) for line in lines],
                "usage": [UsageView.model_validate(row) for row in detail.usage],
            }
        )


def views_of(session: Session, account_id: AccountId, jobs: Sequence[Job]) -> list[JobView]:
    """Show some jobs; the number of queries does not depend on how many."""
    names = service.names_of(session, account_id, jobs)
    tenant = tenants.account(account_id)
    owners = users.usernames(session, tenant, [job.owner_id for job in jobs if job.owner_id])
    counts = repository.counts_of(session, account_id, [job.id for job in jobs])
    return [
        JobView.model_validate(
            {
                **vars(job),
                "state": JobState(job.state).keyword,
                "owner": owners.get(job.owner_id) if job.owner_id else None,
                "queue": names.get(job.queue_id),
                "printer": names.get(job.printer_id) if job.printer_id else None,
                "gateway": names.get(job.gateway_id),
                "counts": [CountView.model_validate(row) for row in counts.get(job.id, [])],
            }
        )
        for job in jobs
    ]
