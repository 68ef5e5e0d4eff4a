"""What is done to jobs that are there: list, show, hold, release, cancel (RFC 8011 4.2.6, 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge_agent.intake.access import UNKNOWN, may_change
from edge_agent.intake.desk import Desk, not_yours
from edge_agent.intake.ipp_call import IppCall, RefusedError
from edge_agent.intake.job_attributes import DEFAULT_OF_GET_JOBS, describe_job, known_names
from edge_agent.intake.job_creation import check_is_known, check_is_somebody
from edge_agent.jobs.model import Job
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import Keyword
from shared.job_states import JobState
from shared.messages.records import QueueType

_MOST_LISTED: Final = 1000
_STATES: Final = {
    "aborted": (JobState.ABORTED,),
    "canceled": (JobState.CANCELED,),
    "pending": (JobState.PENDING,),
    "pending-held": (JobState.PENDING_HELD,),
    "processing": (JobState.PROCESSING,),
    "processing-stopped": (JobState.PROCESSING_STOPPED,),
    "proof-print": (),  # no job here is a proof
}
# None: both those that are done and those that are not.
_COMPLETED: Final = {"completed": True, "aborted": True, "canceled": True, "all": None}


async def get_jobs(desk: Desk, call: IppCall) -> Message:
    """List jobs that the requester may see; nobody learns how many others there are."""
    asked = call.asked
    which = asked.find_word("which-jobs") or "not-completed"
    if which not in _STATES and which not in {"completed", "not-completed", "all"}:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            _("This choice of jobs is not known here."),
            unsupported=(Attribute("which-jobs", (Keyword(which),)),),
        )
    limit = asked.find_integer("limit") or _MOST_LISTED
    jobs = await _list(desk, call, which, min(max(limit, 1), _MOST_LISTED))
    requested = known_names(asked.list_words("requested-attributes") or DEFAULT_OF_GET_JOBS)
    view = desk.view(call)
    return call.ok(Group(Tag.JOB, describe_job(job, view, requested)) for job in jobs)


async def _list(desk: Desk, call: IppCall, which: str, limit: int) -> Sequence[Job]:
    check_is_known(call)
    states = _STATES.get(which)
    if call.requester.identity == UNKNOWN:
        # Who says no name has no jobs: that is an answer, and on a pull queue a stranger's try.
        if call.target.queue.type is QueueType.PULL:
            desk.note_refusal(call, "no-name")
        return ()
    check_is_somebody(call)
    if states == ():
        return ()
    return await desk.list_jobs(
        call,
        only_mine=call.asked.find_boolean("my-jobs") or False,
        limit=limit,
        completed=_COMPLETED.get(which, False),
        after=(call.asked.find_integer("first-job-id") or 1) - 1,
        states=states or (),
    )


async def get_job_attributes(desk: Desk, call: IppCall) -> Message:
    job = await desk.job_of(call)
    requested = known_names(call.asked.list_words("requested-attributes") or ("all",))
    described = describe_job(job, desk.view(call), requested)
    return call.ok((Group(Tag.JOB, described),))


async def cancel_job(desk: Desk, call: IppCall) -> Message:
    job = await _job_to_change(desk, call)
    await desk.jobs.cancel(job.id, call.requester.actor())
    return call.ok()


async def hold_job(desk: Desk, call: IppCall) -> Message:
    job = await _job_to_change(desk, call)
    until = call.asked.find_word("job-hold-until") or "indefinite"
    if until == "no-hold":
        await desk.jobs.release_sender_hold(job.id, call.requester.actor())
    elif until == "indefinite":
        await desk.jobs.hold(job.id, call.requester.actor())
    else:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            _("Jobs are held until somebody releases them, not until a time."),
            unsupported=(Attribute("job-hold-until", (Keyword(until),)),),
        )
    return call.ok()


async def release_job(desk: Desk, call: IppCall) -> Message:
    """Lift the hold that the sender set; a job of a pull queue still waits for its owner."""
    job = await _job_to_change(desk, call)
    await desk.jobs.release_sender_hold(job.id, call.requester.actor())
    return call.ok()


async def _job_to_change(desk: Desk, call: IppCall) -> Job:
    job = await desk.job_of(call)
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    return job
