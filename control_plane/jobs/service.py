from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.database import utc_now
from control_plane.errors import NotFoundError
from control_plane.gateways import service as gateways
from control_plane.jobs import facts, losing, repository
from control_plane.jobs.models import Job, JobCount, JobEvent, UsageRow
from control_plane.printers import service as printers
from control_plane.queues import service as queues
from control_plane.users import service as users
from shared.ids import AccountId, GatewayId, JobId, UserId

ForeignJobError = facts.ForeignJobError
on_facts = facts.on_facts
on_told = facts.on_told
on_another_disk = losing.on_another_disk
on_gone = losing.on_gone
list_jobs = repository.list_jobs
list_by_id = repository.list_by_id
count_by_state = repository.count_by_state
count_lost = repository.count_lost
LOST = repository.LOST


@dataclass(frozen=True, slots=True)
class JobDetail:
    """A job with everything that is known of it; ``names`` of whoever and whatever it names."""

    job: Job
    timeline: Sequence[JobEvent]  # in the order in which it happened
    counts: Sequence[JobCount]
    usage: Sequence[UsageRow]
    names: Mapping[str, str]  # id to name


def get_job(
    session: Session, account_id: AccountId, job_id: JobId, *, owner_id: UserId | None = None
) -> JobDetail:
    """Read a job with its timeline; ``owner_id`` for the portal, which shows one's own alone.

    Raises:
        NotFoundError: There is none, or it is somebody else's.
    """
    job = repository.find_job(session, account_id, job_id)
    if job is None or (owner_id is not None and job.owner_id != owner_id):
        raise NotFoundError("job", job_id)
    lines = repository.timeline(session, account_id, job_id)
    return JobDetail(
        job=job,
        timeline=lines,
        counts=repository.counts(session, account_id, job_id),
        usage=repository.usage(session, account_id, job_id),
        names=names_of(session, account_id, [job], lines),
    )


def names_of(
    session: Session,
    account_id: AccountId,
    jobs: Sequence[Job],
    lines: Sequence[JobEvent] = (),
) -> dict[str, str]:
    """Name the people, queues, printers and gateways of some jobs: four queries, however many."""
    owner_ids = {job.owner_id for job in jobs} | {line.by_user_id for line in lines}
    printer_ids = {job.printer_id for job in jobs} | {line.printer_id for line in lines}
    found: dict[str, str] = {}
    found |= users.names(session, tenants.account(account_id), [i for i in owner_ids if i])
    found |= queues.names(session, account_id, list({job.queue_id for job in jobs}))
    found |= printers.names(session, account_id, [i for i in printer_ids if i])
    found |= gateways.names(session, account_id, list({job.gateway_id for job in jobs}))
    return found


def newest_home_epoch(session: Session, gateway_id: GatewayId) -> int:
    """Tell what a gateway's jobs counted from last; what is given out next is above it."""
    return repository.newest_home_epoch(session, gateway_id)


def left_waiting(session: Session, gateway_id: GatewayId) -> Sequence[JobId]:
    """List a gateway's jobs that no longer wait, for a gateway that was set back in time."""
    return repository.left_waiting(session, gateway_id, utc_now())
