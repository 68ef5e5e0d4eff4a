"""What was told against what the primary's database has: nothing lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.audit.models import AuditEvent
from control_plane.ingest.models import ParkedRow
from control_plane.jobs.models import Job, JobCount, JobEvent, UsageRow
from control_plane.simulate.work import Ledger
from shared.ids import GatewayId

T = TypeVar("T")
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Verdict:
    """How many facts are missing, are there more than once, or were parked."""

    lost: int = 0
    doubled: int = 0
    parked: int = 0

    @property
    def is_well(self) -> bool:
        return self.lost == self.doubled == self.parked == 0

    def compare(self, told: int, found: int) -> None:
        self.lost += max(0, told - found)
        self.doubled += max(0, found - told)


def compare(session: Session, told: Ledger, fleet: Collection[GatewayId]) -> Verdict:
    """Count what the database has of everything that was told."""
    verdict = Verdict()
    for some in _batches(list(told.lines)):
        _compare_jobs(session, verdict, {job_id: told.lines[job_id] for job_id in some})
    verdict.compare(told.counts, _count_of(session, JobCount.job_id, list(told.lines)))
    verdict.compare(len(told.usage), _count_of(session, UsageRow.id, list(told.usage)))
    # Another usage row of one of these jobs, under an id that nobody told, is one too many.
    of_jobs = _count_of(session, UsageRow.job_id, list(told.lines))
    verdict.doubled += max(0, of_jobs - len(told.usage))
    verdict.compare(len(told.taps), _count_of(session, AuditEvent.id, list(told.taps)))
    for gateways in _batches(list(fleet)):
        verdict.parked += session.scalar(
            select(func.count())
            .select_from(ParkedRow)
            .where(ParkedRow.gateway_id.in_(gateways), ParkedRow.settled_at.is_(None))
        ) or 0  # fmt: skip
    return verdict


def _compare_jobs(session: Session, verdict: Verdict, told: dict[Any, int]) -> None:
    """A job's timeline has as many lines as were told, and the job stands where the last one is."""
    found: dict[Any, tuple[int, int]] = {
        job_id: (lines, newest)
        for job_id, lines, newest in session.execute(
            select(JobEvent.job_id, func.count(), func.max(JobEvent.revision))
            .where(JobEvent.job_id.in_(told))
            .group_by(JobEvent.job_id)
        )
    }
    rows = session.execute(select(Job.id, Job.revision).where(Job.id.in_(told)))
    jobs = {job_id: revision for job_id, revision in rows}  # noqa: C416  # a result is no mapping
    for job_id, lines in told.items():
        there, newest = found.get(job_id, (0, 0))
        verdict.compare(lines, there)
        if there == lines and jobs.get(job_id) != newest:
            verdict.lost += 1


def _count_of(session: Session, column: Any, values: Sequence[Any]) -> int:
    return sum(
        session.scalar(select(func.count()).where(column.in_(some))) or 0
        for some in _batches(values)
    )


def _batches(items: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
