"""What gateways tell of jobs: right when told twice, and when told late.

A job is written by its home alone, and only by what is newer than its row: ``(home_epoch,
revision)`` orders its facts, never a clock. All facts of a transaction are applied together,
whichever gateways tell them: what is known is read once, and each table is written once.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.jobs import losing, repository, rows
from control_plane.jobs.models import Job, JobCount, JobEvent, UsageRow
from control_plane.jobs.repository import Standing
from control_plane.jobs.rows import Row
from shared.ids import AccountId, GatewayId, JobId
from shared.messages.events import (
    JobChanged,
    JobCounted,
    JobReceived,
    JobsListed,
    UsageRecorded,
)

JobFact = JobReceived | JobChanged | JobCounted | UsageRecorded
Told = tuple[GatewayId, JobFact]

_ORDER: Final = ("home_epoch", "revision")
# What an event may leave as it is in its job.
_KEPT: Final = frozenset({"printer_id", "first_byte_ms", "released_at", "owner_id"})


class ForeignJobError(SpoolhouseError):
    """A gateway speaks of a job whose home it is not: parked, never applied."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__("this job's home is another gateway, or it is another account's")
        self.job_id = job_id


def on_facts(session: Session, gateway_id: GatewayId, facts: Sequence[JobFact]) -> None:
    """Record what one gateway tells of its jobs."""
    on_told(session, [(gateway_id, fact) for fact in facts])


def on_told(session: Session, told: Sequence[tuple[GatewayId, JobFact | JobsListed]]) -> None:
    """Record what gateways tell of their jobs, each in its order.

    Raises:
        NotServedError: A gateway never served the account.
        ForeignJobError: A job is somebody else's.
    """
    # A list speaks of what was told before it; what is told after it is not in it.
    for _, some in itertools.groupby(told, lambda each: isinstance(each[1], JobsListed)):
        run = list(some)
        for gateway_id, fact in run:
            if isinstance(fact, JobsListed):
                losing.on_listed(session, gateway_id, fact)
        _record(session, [(g, fact) for g, fact in run if not isinstance(fact, JobsListed)])


def _record(session: Session, told: Sequence[Told]) -> None:
    if not told:
        return
    known = _checked_jobs(session, told)
    new: dict[JobId, Row] = {}
    for gateway_id, fact in told:
        if isinstance(fact, JobReceived) and not (fact.job_id in known or fact.job_id in new):
            new[fact.job_id] = rows.job(gateway_id, fact)
    lines = [rows.line(f) for _, f in told if isinstance(f, JobReceived | JobChanged)]
    lines = _without_repeats(session, lines)
    counts = rows.newest(rows.count(f) for _, f in told if isinstance(f, JobCounted))
    changed = _follow(session, new, known, lines)
    shown = _choose_counts(session, counts, new.keys(), known.keys())
    for job_id in shown.keys() & new.keys():
        new[job_id].update(shown.pop(job_id))
    bulk.insert(session, Job, list(new.values()))
    bulk.update(session, Job, changed, newer_by=_ORDER, keep_if_none=_KEPT)
    bulk.update(session, Job, [{"id": job_id, **row} for job_id, row in shown.items()])
    bulk.insert_if_new(session, JobEvent, lines)
    bulk.insert_or_renew(session, JobCount, list(counts.values()), newer_by=_ORDER)
    usage = [rows.usage(gateway_id, f) for gateway_id, f in told if isinstance(f, UsageRecorded)]
    bulk.insert_if_new(session, UsageRow, usage)


def _checked_jobs(session: Session, told: Sequence[Told]) -> Mapping[JobId, Standing]:
    """The jobs that are known already.

    Raises:
        NotServedError: A gateway never served the account.
        ForeignJobError: The job is somebody else's.
    """
    served = gateways.ever_served(session, {gateway_id for gateway_id, _ in told})
    for gateway_id, account_id in {(gateway_id, fact.account_id) for gateway_id, fact in told}:
        gateways.check_speaker(served, gateway_id, account_id)
    known = repository.standings(session, {fact.job_id for _, fact in told})
    owners: dict[JobId, tuple[GatewayId, AccountId]] = {
        job_id: (job.gateway_id, job.account_id) for job_id, job in known.items()
    }
    for gateway_id, fact in told:
        mine = gateway_id, fact.account_id
        if owners.setdefault(fact.job_id, mine) != mine:
            raise ForeignJobError(fact.job_id)
    return known


def _follow(
    session: Session,
    new: Mapping[JobId, Row],
    known: Mapping[JobId, Standing],
    lines: Sequence[Row],
) -> list[Row]:
    """Let jobs follow their timelines: new rows as they are, of known ones what changes."""
    # A new job's changes may have come before it.
    for event in repository.lines_of(session, new.keys()):
        rows.advance(new[event["job_id"]], event)
    changed: dict[JobId, Row] = {}
    for line in lines:
        job_id = line["job_id"]
        if job_id in new:
            rows.advance(new[job_id], line)
        elif job_id in known:
            if job_id not in changed:
                changed[job_id] = _unchanged(job_id, known[job_id])
            rows.advance(changed[job_id], line)
    return [row for row in changed.values() if "state" in row]


def _unchanged(job_id: JobId, job: Standing) -> Row:
    at = {"id": job_id, "home_epoch": job.home_epoch, "revision": job.revision}
    return at | dict.fromkeys(sorted(_KEPT))


def _choose_counts(
    session: Session,
    counts: Mapping[tuple[JobId, str], Row],
    new: Collection[JobId],
    known: Collection[JobId],
) -> dict[JobId, Row]:
    """What jobs show of their counts, those that were told before included."""
    counted = {job_id for job_id, _ in counts if job_id in new or job_id in known}
    found = rows.newest([*counts.values(), *repository.counts_told(session, {*counted, *new})])
    of_job: dict[JobId, list[Row]] = {}
    for (job_id, _), row in found.items():
        if job_id in new or job_id in known:
            of_job.setdefault(job_id, []).append(row)
    return {job_id: rows.best(some) for job_id, some in of_job.items()}


def _without_repeats(session: Session, lines: list[Row]) -> list[Row]:
    """Leave out what a box told before it was set back: a later home epoch, the same moment.

    A box that was set back does not know which of its last rows were heard, and tells them again.
    What happened anew, such as a second printing, happened at another moment.
    """
    again = {row["job_id"] for row in lines if row["home_epoch"] > 1}
    if not again:
        return lines
    known = repository.moments(session, again)
    for row in lines:
        key = _moment(row)
        known[key] = min(known.get(key, row["home_epoch"]), row["home_epoch"])
    return [row for row in lines if known[_moment(row)] >= row["home_epoch"]]


def _moment(row: Row) -> tuple[JobId, int, str, Any]:
    return row["job_id"], row["revision"], row["event"], row["at"]
