"""What the operations are given: the gateway's parts that intake works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge_agent.intake.access import CLAIMED, Requester, may_see
from edge_agent.intake.ipp_call import IppCall, RefusedError, SignInNeededError
from edge_agent.intake.job_attributes import JobView
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.postscript import PostScriptScan
from edge_agent.intake.queue_control import QueueControl
from edge_agent.intake.queues import Queues
from edge_agent.intake.subscriptions import Subscriptions
from edge_agent.intake.targets import Directory, path_of, read_path
from edge_agent.jobs.model import Job
from edge_agent.jobs.service import JobService
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.ids import AccountId, JobId, PrinterId, UserId
from shared.ipp.enums import Status
from shared.job_states import JobState
from shared.messages.records import PrinterRecord


class Audit(Protocol):
    """What intake asks of the audit; it bounds the rate itself."""

    def record(
        self,
        event: str,
        *,
        ok: bool,
        source: str = "",
        account_id: AccountId | None = None,
        user_id: UserId | None = None,
        printer_id: PrinterId | None = None,
        job_id: JobId | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None: ...


Identify = Callable[[PrinterRecord, Sequence[str], str], Awaitable[str | None]]
"""Lets an output device show itself: which way, and a message. Answers why it cannot."""


@dataclass(slots=True)
class Desk:
    """One per gateway."""

    jobs: JobService
    directory: Directory
    queues: Queues
    control: QueueControl
    subscriptions: Subscriptions
    audit: Audit
    clock: Clock
    limits: IntakeLimits
    identify: Identify | None = None

    async def job_of(self, call: IppCall) -> Job:
        """Find the job that the request names, if the requester may know of it.

        Raises:
            RefusedError: There is none, or it is somebody else's.
            SignInNeededError: It may be theirs, once they have signed in.
        """
        return await self.find_job(call, _job_number(call))

    async def find_job(self, call: IppCall, number: int) -> Job:
        """Find a job of the queue by its number; raises as ``job_of`` does."""
        job = await self.jobs.find(number)
        target = call.target
        if (
            job is None
            or (job.account_id, job.queue_id) != (target.account.id, target.queue.id)
            or self._is_purged(job)
        ):
            raise RefusedError(
                Status.CLIENT_ERROR_NOT_FOUND, _("There is no job %(number)s here.", number=number)
            )
        if not may_see(call.requester, job):
            raise not_yours(call.requester)
        return job

    async def list_jobs(
        self,
        call: IppCall,
        *,
        only_mine: bool,
        limit: int,
        completed: bool | None = False,
        after: int = 0,
        states: tuple[JobState, ...] = (),
    ) -> list[Job]:
        """List the queue's jobs that the requester may see."""
        requester, target = call.requester, call.target
        mine: dict[str, str] = {}
        if requester.is_verified:
            if only_mine or not requester.is_operator:
                mine["owner_id"] = requester.user.id if requester.user else ""
        elif requester.identity == CLAIMED:
            mine = {"claimed_name": requester.name, "address": requester.address}
        else:
            return []  # who says no name has no jobs
        jobs = await self.jobs.list_jobs(
            target.account.id,
            queue_id=target.queue.id,
            completed=completed,
            limit=limit,
            after=after,
            states=states,
            **mine,  # type: ignore[arg-type]
        )
        return [job for job in jobs if not self._is_purged(job)]

    def note_refusal(self, call: IppCall, reason: str) -> None:
        """Write down that somebody asked for what they may not have."""
        requester = call.requester
        self.audit.record(
            "ipp.refused",
            ok=False,
            source=requester.address,
            account_id=call.target.account.id,
            user_id=requester.user.id if requester.user and requester.is_verified else None,
            detail={
                "operation": call.operation.title,
                "queue": call.target.queue.path,
                "reason": reason,
                "name": requester.name[:80],
                "job": call.asked.find_integer("job-id") or call.job_number or 0,
            },
        )

    def note_postscript(self, call: IppCall, job: Job, scan: PostScriptScan) -> None:
        """Write down that a document waits for the operator, and why."""
        if scan.found:
            self.audit.record(
                "intake.filtered",
                ok=False,
                source=job.source.address,
                account_id=job.account_id,
                user_id=job.owner_id if job.identity == "verified" else None,
                job_id=job.id,
                detail={
                    "reason": "postscript",
                    "queue": call.target.queue.path,
                    "operators": ",".join(sorted(scan.found)),
                },
            )

    def _is_purged(self, job: Job) -> bool:
        return job.state.is_final and job.number <= self.queues.status(job.queue_id).purged_upto

    def view(self, call: IppCall) -> JobView:
        """Make the view of jobs that the requester has."""
        return JobView(
            call.printer_uri,
            self.clock.now(),
            call.requester.is_verified,
            lambda job: self._name_of(call, job),
        )

    def _name_of(self, call: IppCall, job: Job) -> str:
        if job.claimed_name:
            return job.claimed_name
        requester = call.requester
        if requester.user is not None and requester.user.id == job.owner_id:
            return requester.user.username
        owner = job.owner_id and self.directory.user(job.account_id, job.owner_id)
        return owner.username if owner else "anonymous"


def not_yours(requester: Requester, says: str = "", *, reason: str = "not-entitled") -> Exception:
    """Say no to somebody who is not entitled, and how they could be."""
    if requester.may_sign_in and not requester.is_verified:
        return SignInNeededError(reason)
    return RefusedError(
        Status.CLIENT_ERROR_NOT_AUTHORIZED,
        says or _("This job belongs to somebody else."),
        reason=reason,
    )


def _job_number(call: IppCall) -> int:
    number = call.asked.find_integer("job-id")
    if number is None:
        uri = call.asked.find_uri("job-uri")
        path = read_path(path_of(uri) or "") if uri else None
        number = path.job_number if path else call.job_number
    if number is None or number < 1:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no job."))
    return number
