"""What gateways tell of jobs: right when told twice, and when told late.

A job is written by its home alone, and only by what is newer than its row: ``(home_epoch,
revision)`` orders its facts, never a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.jobs import repository
from control_plane.jobs.models import Job, JobCount, JobEvent, UsageRow
from control_plane.upsert import insert_for
from shared.ids import AccountId, GatewayId, JobId
from shared.messages.events import JobChanged, JobCounted, JobReceived, UsageRecorded

RECEIVED: Final = "received"
# Which count stands for the job: the surer one; of two as sure, the one nearer to the paper.
_CONFIDENCE: Final = {"none": 0, "low": 1, "high": 2}
_NEARNESS: Final = {"document": 0, "printer": 1, "counter": 2}


class ForeignJobError(SpoolhouseError):
    """A gateway speaks of a job whose home it is not: parked, never applied."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__("this job's home is another gateway, or it is another account's")
        self.job_id = job_id


def on_received(session: Session, gateway_id: GatewayId, facts: Sequence[JobReceived]) -> None:
    """Record that jobs were accepted."""
    known = _checked_jobs(session, gateway_id, facts)
    for fact in facts:
        if fact.job_id not in known:
            job = known[fact.job_id] = _new_job(gateway_id, fact)
            session.add(job)
            # Its changes may have come first.
            newest = repository.newest_event(session, fact.account_id, fact.job_id)
            if newest is not None and _is_newer(newest, job):
                _apply_event(job, newest)
    session.flush()
    _add_events(session, [_received_event(fact) for fact in facts])


def on_changed(session: Session, gateway_id: GatewayId, facts: Sequence[JobChanged]) -> None:
    """Record what happened to jobs: a line each in their timelines, and the newest state."""
    known = _checked_jobs(session, gateway_id, facts)
    rows = [_changed_event(fact) for fact in facts]
    _add_events(session, rows)
    for fact, row in zip(facts, rows, strict=True):
        job = known.get(fact.job_id)
        if job is not None and _is_newer(fact, job):
            _apply_event(job, JobEvent(**row))
    session.flush()


def on_counted(session: Session, gateway_id: GatewayId, facts: Sequence[JobCounted]) -> None:
    """Record pages by source; a newer count of the same source replaces the older."""
    known = _checked_jobs(session, gateway_id, facts)
    for fact in facts:
        row = session.get(JobCount, (fact.job_id, fact.source))
        if row is None:
            row = JobCount(
                job_id=fact.job_id,
                source=fact.source,
                account_id=fact.account_id,
                home_epoch=0,
                revision=0,
            )
            session.add(row)
        if _is_newer(fact, row):
            for name in (
                "home_epoch", "revision", "confidence", "impressions", "color_impressions",
                "note", "at",
            ):  # fmt: skip
                setattr(row, name, getattr(fact, name))
        session.flush()
        if job := known.get(fact.job_id):
            _choose_count(session, job)
    session.flush()


def on_usage(session: Session, gateway_id: GatewayId, facts: Sequence[UsageRecorded]) -> None:
    """Record what is charged: once per id, however often it is told."""
    _checked_jobs(session, gateway_id, facts)
    if not facts:
        return
    names = (
        "id", "job_id", "account_id", "user_id", "printer_id", "impressions", "source",
        "confidence", "at", "copies", "sides", "printer_impressions",
    )  # fmt: skip
    rows = [
        {"gateway_id": gateway_id, **{name: getattr(fact, name) for name in names}}
        for fact in facts
    ]
    session.execute(insert_for(session, UsageRow).on_conflict_do_nothing(), rows)


def _checked_jobs(
    session: Session,
    gateway_id: GatewayId,
    facts: Sequence[JobReceived | JobChanged | JobCounted | UsageRecorded],
) -> dict[JobId, Job]:
    """The jobs that are known already.

    Raises:
        NotServedError: The gateway never served the account.
        ForeignJobError: The job is somebody else's.
    """
    for account_id in sorted({fact.account_id for fact in facts}):
        gateways.check_served(session, gateway_id, account_id)
    known = repository.jobs_by_id(session, {fact.job_id for fact in facts})
    owners: dict[JobId, AccountId] = {job.id: job.account_id for job in known.values()}
    for fact in facts:
        job = known.get(fact.job_id)
        if owners.setdefault(fact.job_id, fact.account_id) != fact.account_id or (
            job is not None and job.gateway_id != gateway_id
        ):
            raise ForeignJobError(fact.job_id)
    return known


def _is_newer(fact: Any, row: Any) -> bool:
    return (fact.home_epoch, fact.revision) > (row.home_epoch, row.revision)


def _new_job(gateway_id: GatewayId, fact: JobReceived) -> Job:
    return Job(
        id=fact.job_id,
        account_id=fact.account_id,
        gateway_id=gateway_id,
        home_epoch=fact.home_epoch,
        revision=fact.revision,
        queue_id=fact.queue_id,
        number=fact.number,
        title=fact.title,
        state=int(fact.state),
        reasons=list(fact.reasons),
        message="",
        identity=fact.identity,
        owner_id=fact.owner_id,
        claimed_name=fact.claimed_name,
        source_protocol=fact.source.protocol,
        source_address=fact.source.address,
        source_host=fact.source.host,
        document_format=fact.document_format,
        size_bytes=fact.size_bytes,
        sha256=fact.sha256,
        received_ms=fact.received_ms,
        received_at=fact.at,
        kept_until=fact.kept_until,
        ticket=dict(fact.ticket),
    )


def _apply_event(job: Job, event: JobEvent) -> None:
    job.home_epoch, job.revision = event.home_epoch, event.revision
    job.state, job.reasons, job.message = event.state, event.reasons, event.message
    if event.printer_id is not None:
        job.printer_id = event.printer_id
    if event.first_byte_ms is not None:
        job.first_byte_ms = event.first_byte_ms
    if event.event == "released":
        job.released_at = event.at
    if owner_id := event.detail.get("owner_id"):  # reassigned by a person
        job.owner_id = owner_id
    is_final = event.state in _FINAL
    job.ended_at = event.at if is_final else None


_FINAL: Final = frozenset({7, 8, 9})  # canceled, aborted, completed


def _received_event(fact: JobReceived) -> dict[str, Any]:
    return {
        "job_id": fact.job_id,
        "home_epoch": fact.home_epoch,
        "revision": fact.revision,
        "event": RECEIVED,
        "account_id": fact.account_id,
        "state": int(fact.state),
        "reasons": list(fact.reasons),
        "at": fact.at,
        "message": "",
        "printer_id": None,
        "by": fact.source.protocol,
        "by_user_id": fact.owner_id,
        "reader_id": None,
        "first_byte_ms": None,
        "detail": {},
    }


def _changed_event(fact: JobChanged) -> dict[str, Any]:
    return {
        "job_id": fact.job_id,
        "home_epoch": fact.home_epoch,
        "revision": fact.revision,
        "event": fact.event,
        "account_id": fact.account_id,
        "state": int(fact.state),
        "reasons": list(fact.reasons),
        "at": fact.at,
        "message": fact.message,
        "printer_id": fact.printer_id,
        "by": fact.by,
        "by_user_id": fact.by_user_id,
        "reader_id": fact.reader_id,
        "first_byte_ms": fact.first_byte_ms,
        "detail": dict(fact.detail),
    }


def _add_events(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    rows = _without_repeats(session, list(rows))
    if rows:
        session.execute(insert_for(session, JobEvent).on_conflict_do_nothing(), rows)


def _without_repeats(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what a box told before it was set back: a later home epoch, the same moment.

    A box that was set back does not know which of its last rows were heard, and tells them again.
    What happened anew, such as a second printing, happened at another moment.
    """
    again = {row["job_id"] for row in rows if row["home_epoch"] > 1}
    if not again:
        return rows
    known = repository.moments(session, again)
    return [
        row
        for row in rows
        if known.get((row["job_id"], row["revision"], row["event"], row["at"]), row["home_epoch"])
        >= row["home_epoch"]
    ]


def _choose_count(session: Session, job: Job) -> None:
    rows = repository.counts(session, job.account_id, job.id)
    best = max(
        rows,
        key=lambda row: (
            row.impressions is not None,
            _CONFIDENCE.get(row.confidence, 0),
            _NEARNESS.get(row.source, 0),
        ),
    )
    job.impressions, job.impressions_source = best.impressions, best.source
    job.color_impressions = best.color_impressions
