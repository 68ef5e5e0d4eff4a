from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, cast, delete, func, or_, select
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.jobs import rows
from control_plane.jobs.models import Job, JobCount, JobEvent, UsageRow
from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from shared.ids import AccountId, GatewayId, JobId, PrinterId, QueueId, UserId
from shared.job_states import JobState

# Why a job is given up that its gateway no longer has; and beside it, that it was on its way to a
# printer when it was last told of.
LOST: Final = "spoolhouse-job-lost"
ON_ITS_WAY: Final = "spoolhouse-job-lost-on-its-way"

_SORTS: Final[Mapping[str, Column]] = {
    "sent": Job.received_at,
    "title": Job.title,
    "state": Job.state,
    "pages": Job.impressions,
    "size": Job.size_bytes,
}


def gives(reason: str) -> ColumnElement[bool]:
    """Whether it is among a job's reasons."""
    return cast(Job.reasons, Text).contains(f'"{reason}"', autoescape=True)


def find_job(session: Session, account_id: AccountId, job_id: JobId) -> Job | None:
    return session.scalars(
        select(Job).where(Job.account_id == account_id, Job.id == job_id)
    ).one_or_none()


def list_by_id(session: Session, account_id: AccountId, ids: Collection[JobId]) -> Sequence[Job]:
    """List those of the account's jobs, oldest first."""
    mine = select(Job).where(Job.account_id == account_id, Job.id.in_(ids))
    return session.scalars(mine.order_by(Job.received_at, Job.id)).all()


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose a job is, and how new what is known of it."""

    account_id: AccountId
    gateway_id: GatewayId
    home_epoch: int
    revision: int


def standings(session: Session, ids: Collection[JobId]) -> dict[JobId, Standing]:
    """Whoever's they are: for facts, which are checked against the row that is there."""
    query = select(Job.id, Job.account_id, Job.gateway_id, Job.home_epoch, Job.revision)
    return {
        row.id: Standing(row.account_id, row.gateway_id, row.home_epoch, row.revision)
        for row in session.execute(query.where(bulk.among(session, Job.id, ids)))
    }


def list_jobs(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    states: Collection[JobState] = (),
    reason: str = "",
    owner_id: UserId | None = None,
    queue_id: QueueId | None = None,
    printer_id: PrinterId | None = None,
    gateway_id: GatewayId | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Job]:
    """List jobs, newest first by themselves; ``text`` looks in titles and claimed names."""
    query: Select[Job] = select(Job).where(Job.account_id == account_id)
    if text:
        query = query.where(or_(contains(Job.title, text), contains(Job.claimed_name, text)))
    if states:
        query = query.where(Job.state.in_([int(state) for state in states]))
    if reason:
        query = query.where(gives(reason))
    for column, value in (
        (Job.owner_id, owner_id),
        (Job.queue_id, queue_id),
        (Job.printer_id, printer_id),
        (Job.gateway_id, gateway_id),
    ):
        if value:
            query = query.where(column == value)
    if since:
        query = query.where(Job.received_at >= since)
    if until:
        query = query.where(Job.received_at < until)
    by = (Job.received_at, Job.id)
    return paginate(
        session, query, by, cursor=cursor, limit=limit, newest_first=True, sorts=_SORTS,
        order=order,
    )  # fmt: skip


def timeline(session: Session, account_id: AccountId, job_id: JobId) -> Sequence[JobEvent]:
    return session.scalars(
        select(JobEvent)
        .where(JobEvent.account_id == account_id, JobEvent.job_id == job_id)
        .order_by(JobEvent.home_epoch, JobEvent.revision, JobEvent.at)
    ).all()


def lines_of(session: Session, ids: Collection[JobId]) -> list[dict[str, Any]]:
    """Lines of some jobs' timelines that came before the jobs themselves, oldest life first."""
    query = select(JobEvent.__table__).order_by(JobEvent.home_epoch, JobEvent.revision)
    return [
        dict(row._mapping)  # noqa: SLF001  # a row's public name for itself as a mapping
        for row in session.execute(query.where(bulk.among(session, JobEvent.job_id, ids)))
    ]


def counts_told(session: Session, ids: Collection[JobId]) -> list[dict[str, Any]]:
    """Counts of some jobs, whoever's they are."""
    query = select(JobCount.__table__)
    return [
        dict(row._mapping)  # noqa: SLF001
        for row in session.execute(query.where(bulk.among(session, JobCount.job_id, ids)))
    ]


def newest_home_epoch(session: Session, gateway_id: GatewayId) -> int:
    """The highest home epoch that a gateway ever told of a job; 1 where it told nothing."""
    newest = select(func.max(Job.home_epoch)).where(Job.gateway_id == gateway_id)
    return session.scalar(newest) or 1


def moments(
    session: Session, ids: Collection[JobId]
) -> dict[tuple[JobId, int, str, datetime], int]:
    """The first home epoch under which each line of these jobs' timelines was told."""
    e = JobEvent
    found = session.execute(
        select(e.job_id, e.revision, e.event, e.at, func.min(e.home_epoch))
        .where(bulk.among(session, e.job_id, ids))
        .group_by(e.job_id, e.revision, e.event, e.at)
    )
    return {(job_id, revision, event, at): epoch for job_id, revision, event, at, epoch in found}


def counts(session: Session, account_id: AccountId, job_id: JobId) -> Sequence[JobCount]:
    return session.scalars(
        select(JobCount)
        .where(JobCount.account_id == account_id, JobCount.job_id == job_id)
        .order_by(JobCount.source)
    ).all()


def counts_of(
    session: Session, account_id: AccountId, ids: Collection[JobId]
) -> dict[JobId, list[JobCount]]:
    found: dict[JobId, list[JobCount]] = {}
    query = select(JobCount).where(JobCount.account_id == account_id, JobCount.job_id.in_(ids))
    for row in session.scalars(query.order_by(JobCount.source)):
        found.setdefault(row.job_id, []).append(row)
    return found


def usage(session: Session, account_id: AccountId, job_id: JobId) -> Sequence[UsageRow]:
    return session.scalars(
        select(UsageRow)
        .where(UsageRow.account_id == account_id, UsageRow.job_id == job_id)
        .order_by(UsageRow.at, UsageRow.id)
    ).all()


def count_by_state(session: Session, account_id: AccountId) -> dict[JobState, int]:
    found = session.execute(
        select(Job.state, func.count()).where(Job.account_id == account_id).group_by(Job.state)
    )
    return {JobState(state): count for state, count in found}


def left_waiting(session: Session, gateway_id: GatewayId, now: datetime) -> Sequence[JobId]:
    """List jobs of a gateway that no longer wait: released or final, and not yet forgotten there.

    A gateway that was set back to an earlier time may believe that they still do.
    """
    only_waited = and_(gives(LOST), ~gives(ON_ITS_WAY))
    no_longer = or_(Job.released_at.is_not(None), Job.state >= int(JobState.PROCESSING))
    return session.scalars(
        select(Job.id)
        .where(Job.gateway_id == gateway_id, no_longer, ~only_waited, Job.kept_until > now)
        .order_by(Job.received_at.desc())
        .limit(5_000)
    ).all()


def list_open(
    session: Session, gateway_id: GatewayId, *, after: str, upto: str, before_epoch: int | None
) -> Sequence[Job]:
    """List a gateway's jobs of a range of ids that have not ended, locked, in one order.

    ``before_epoch``: those alone that were last told of under an earlier home epoch.
    """
    query = select(Job).where(Job.gateway_id == gateway_id, Job.state < int(JobState.CANCELED))
    if before_epoch is not None:
        query = query.where(Job.home_epoch < before_epoch)
    query = _within(query, after, upto).order_by(Job.id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).all()


def find_open(
    session: Session, gateway_id: GatewayId, job_id: JobId, *, before_epoch: int
) -> Job | None:
    """Find a gateway's job that has not ended and was last told of before, locked."""
    query = select(Job).where(Job.gateway_id == gateway_id, Job.id == job_id)
    query = query.where(Job.state < int(JobState.CANCELED), Job.home_epoch < before_epoch)
    query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def forget_line(session: Session, job_id: JobId, event: str, at: datetime) -> None:
    """Take a line of our own out of a job's timeline: another one takes its place."""
    session.execute(
        delete(JobEvent).where(
            JobEvent.job_id == job_id, JobEvent.event == event, JobEvent.at == at
        )
    )


def list_lost(
    session: Session, gateway_id: GatewayId, ids: Collection[JobId], before_epoch: int
) -> Sequence[Job]:
    """List those of a gateway's jobs that were given up as lost, locked."""
    query = select(Job).where(Job.gateway_id == gateway_id, bulk.among(session, Job.id, ids))
    query = query.where(gives(LOST), Job.home_epoch < before_epoch)
    query = query.order_by(Job.id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).all()


def last_told(session: Session, job: Job) -> JobEvent:
    """The line of its timeline that a job stands at."""
    query = select(JobEvent).where(
        JobEvent.job_id == job.id,
        JobEvent.home_epoch == job.home_epoch,
        JobEvent.revision == job.revision,
        JobEvent.event.not_in((rows.LOST, rows.FOUND)),
    )
    return session.scalars(query.order_by(JobEvent.at).limit(1)).one()


def _within(query: Select[Job], after: str, upto: str) -> Select[Job]:
    if after:
        query = query.where(Job.id > after)
    return query.where(Job.id <= upto) if upto else query


def count_lost(session: Session, account_id: AccountId, since: datetime) -> int:
    """Count the jobs that were lost with a gateway's disk."""
    query = select(func.count()).select_from(Job).where(
        Job.account_id == account_id, Job.state == int(JobState.ABORTED), Job.ended_at >= since,
        gives(LOST),
    )  # fmt: skip
    return session.scalar(query) or 0
