"""Jobs that their gateway no longer has: its disk was set back to an older state, or replaced.

What only the lost disk knew comes from nobody. So a job that has not ended here, and is not on
the gateway any more, is given up: as *lost* where it only waited when it was last told of, as of
*unknown outcome* where it was on its way to a printer. Nothing is charged, and nothing is taken
for printed. Should the gateway tell of it after all, that is newer, and counts; should the job
turn up in a later list (the newer disk was put back), it is again what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from control_plane import bulk, tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.gateways import service as gateways
from control_plane.jobs import repository, rows
from control_plane.jobs.models import Job, JobEvent
from control_plane.jobs.repository import LOST, ON_ITS_WAY
from control_plane.jobs.rows import Row
from shared.ids import AccountId, GatewayId, JobId
from shared.job_states import Hold, JobState
from shared.messages.events import JobsListed


def on_listed(session: Session, gateway_id: GatewayId, fact: JobsListed) -> None:
    """Compare a part of a gateway's list with what is open here; right when told twice."""
    there = set(fact.job_ids)
    open_jobs = repository.list_open(
        session, gateway_id, after=fact.after, upto=fact.upto, before_epoch=fact.home_epoch
    )
    gone = [job for job in open_jobs if job.id not in there]
    _change(session, gateway_id, gone, _lose, at=fact.at, home_epoch=fact.home_epoch)
    back = repository.list_lost(session, gateway_id, there, fact.home_epoch)
    _change(session, gateway_id, back, _find_again, at=fact.at, home_epoch=fact.home_epoch)


def on_gone(
    session: Session, gateway_id: GatewayId, job_id: JobId, *, home_epoch: int, at: datetime
) -> None:
    """Say again what a list said of a job: what was told before the list was applied after it."""
    job = repository.find_open(session, gateway_id, job_id, before_epoch=home_epoch)
    if job is not None:
        repository.forget_line(session, job_id, rows.LOST, at)
        _change(session, gateway_id, [job], _lose, at=at, home_epoch=home_epoch)


def on_another_disk(session: Session, gateway_id: GatewayId, at: datetime) -> None:
    """A gateway began with an empty disk: whatever was open is not on it."""
    open_jobs = repository.list_open(session, gateway_id, after="", upto="", before_epoch=None)
    _change(session, gateway_id, open_jobs, _lose, at=at)


def _change(
    session: Session,
    gateway_id: GatewayId,
    some: Sequence[Job],
    change: Callable[[Session, Job, datetime], str],
    *,
    at: datetime,
    home_epoch: int | None = None,
) -> None:
    """Change jobs, with a line in each timeline, and one row in the audit of each account."""
    if not some:
        return
    counts: dict[AccountId, dict[str, int]] = {}
    lines = []
    for job in some:
        event = change(session, job, at)
        lines.append(_line(job, event, at, home_epoch or job.home_epoch))
        of_account = counts.setdefault(job.account_id, {"lost": 0, "unknown": 0, "found": 0})
        of_account["unknown" if ON_ITS_WAY in job.reasons else event] += 1
    session.flush()
    bulk.insert_if_new(session, JobEvent, lines)
    name = gateways.get_by_id(session, gateway_id).name
    for account_id, count in sorted(counts.items()):
        is_found = count["found"] > 0
        audit.record(
            session, tenants.account(account_id),
            "gateway.jobs-found" if is_found else "gateway.jobs-lost",
            Actor("gateway", gateway_id, name), subject_kind="gateway", subject_id=gateway_id,
            detail={"name": name, **{key: n for key, n in count.items() if n}},
            outcome="ok" if is_found else "refused",
        )  # fmt: skip


def _lose(_session: Session, job: Job, at: datetime) -> str:
    waits = job.state == JobState.PENDING_HELD and Hold.UNCERTAIN.value not in job.reasons
    job.state = int(JobState.ABORTED)
    job.reasons = [LOST] if waits else [LOST, ON_ITS_WAY]
    job.message, job.ended_at = "", at
    return rows.LOST


def _find_again(session: Session, job: Job, _at: datetime) -> str:
    """What it was when its gateway last told of it."""
    last = repository.last_told(session, job)
    job.state, job.reasons, job.message = last.state, last.reasons, last.message
    job.ended_at = None
    return rows.FOUND


def _line(job: Job, event: str, at: datetime, home_epoch: int) -> Row:
    line: dict[str, Any] = dict.fromkeys(("by_user_id", "reader_id", "first_byte_ms"))
    return line | {
        "job_id": job.id,
        # Beside what was told last; the job itself stays where it was, so that whatever its
        # gateway tells of it later is newer.
        "home_epoch": home_epoch,
        "revision": job.revision,
        "event": event,
        "account_id": job.account_id,
        "state": job.state,
        "reasons": job.reasons,
        "at": at,
        "message": job.message,
        "printer_id": job.printer_id,
        "by": "system",
        "detail": {},
    }
