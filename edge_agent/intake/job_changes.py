"""More that is done to jobs: set, copy, suspend, reorder, cancel many (RFC 3380, 3998, 5100.11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edge_agent.intake.access import may_change
from edge_agent.intake.desk import Desk, not_yours
from edge_agent.intake.ipp_call import IppCall, RefusedError, unsupported_group
from edge_agent.intake.job_attributes import describe_new_job, template_of
from edge_agent.intake.job_creation import check_may_print, read_order
from edge_agent.intake.queue_control import lift_hold, set_hold, suspend
from edge_agent.intake.templates import SETTABLE
from edge_agent.intake.ticket import Ticket, read_ticket
from edge_agent.jobs.errors import DocumentGoneError, IllegalTransitionError
from edge_agent.jobs.model import Job
from edge_agent.jobs.transaction import Transaction
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import OutOfBand
from shared.job_states import Hold, JobEvent, JobState

_NOT_SETTABLE: Final = OutOfBand(Tag.NOT_SETTABLE)
_WAITING: Final = (JobState.PENDING, JobState.PENDING_HELD)
_MOST_CANCELED: Final = 1000


async def set_job_attributes(desk: Desk, call: IppCall) -> Message:
    """Change a job that has not begun to print (RFC 3380 4.2)."""
    job = await _mine(desk, call)
    foreign = tuple(
        Attribute(item.name, (_NOT_SETTABLE,))
        for item in call.message.job.attributes
        if item.name not in SETTABLE
    )
    if foreign:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_NOT_SETTABLE,
            _("These attributes of a job cannot be set."),
            unsupported=foreign,
        )
    ticket = _changed_ticket(desk, call, job)
    title = call.message.job.find_text("job-name") or job.title
    says_hold = "job-hold-until" in call.message.job
    actor = call.requester.actor()

    def work(tx: Transaction) -> None:
        seen = tx.get_job(job.id)
        if seen.state not in _WAITING:
            raise IllegalTransitionError(seen.state, JobEvent.HELD)
        now = desk.jobs.changer.change(
            tx,
            seen,
            "changed",
            by=actor,
            title=title[:255],
            ticket=ticket.values,
            ticket_ipp=ticket.encoded(),
        )
        if not says_hold:
            return
        if ticket.is_held_by_sender and Hold.SENDER not in now.holds:
            set_hold(tx, desk.jobs.changer, now, Hold.SENDER, actor)
        elif not ticket.is_held_by_sender and Hold.SENDER in now.holds:
            lift_hold(tx, desk.jobs.changer, now, Hold.SENDER, actor)

    await desk.jobs.store.submit(work)
    return call.ok()


def _changed_ticket(desk: Desk, call: IppCall, job: Job) -> Ticket:
    named = call.message.job.attributes
    deleted = {item.name for item in named if isinstance(item.value, OutOfBand)}
    asked = tuple(item for item in named if item.name not in {*deleted, "job-name"})
    kept = tuple(item for item in template_of(job) if item.name not in deleted)
    ticket = read_ticket(
        (Group(Tag.JOB, asked), Group(Tag.JOB, kept)), desk.queues.capabilities(call.target), {}
    )
    if ticket.unsupported:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            ticket.describe_refusal(),
            unsupported=ticket.unsupported,
        )
    return ticket


async def restart_job(desk: Desk, call: IppCall) -> Message:
    """Print a job again where its documents are kept (RFC 8011 4.3.7)."""
    job = await desk.job_of(call)
    if call.asked.find_word("job-hold-until") == "indefinite":
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_POSSIBLE, _("Restart it without a hold, or resubmit it.")
        )
    await desk.jobs.restart(job.id, call.requester.actor())
    return call.ok()


async def resubmit_job(desk: Desk, call: IppCall) -> Message:
    """Make a new job of a kept one's documents (Reprocess-Job, Resubmit-Job).

    On a pull queue the copy waits for its owner like any other job.
    """
    old = await _mine(desk, call)
    check_may_print(desk, call)
    documents = await desk.jobs.list_documents(old.id)
    if not documents:
        raise DocumentGoneError("its documents are erased")
    order = read_order(desk, call)
    kept = Group(Tag.JOB, template_of(old))
    ticket = read_ticket((*call.message.groups, kept), desk.queues.capabilities(call.target), {})
    new = replace(
        order.new,
        title=(call.asked.find_text("job-name") or old.title)[:255],
        owner_id=old.owner_id,
        identity=old.identity,
        claimed_name=old.claimed_name,
        ticket=ticket.values,
        ticket_ipp=ticket.encoded(),
    )
    job = await desk.jobs.create(new)
    for document in documents:
        job = await desk.jobs.add_document(
            job.id,
            format=document.format,
            name=document.name,
            body=desk.jobs.open_document(document),
            last=document is documents[-1],
        )
    described = describe_new_job(job, call.printer_uri)
    groups = (*unsupported_group(order.ticket.unsupported), Group(Tag.JOB, described))
    return call.ok(groups, status=order.status)


async def cancel_current_job(desk: Desk, call: IppCall) -> Message:
    """Cancel what is being printed (RFC 3998 4.2)."""
    job = await _current(desk, call)
    await desk.jobs.cancel(job.id, call.requester.actor())
    return call.ok()


async def suspend_current_job(desk: Desk, call: IppCall) -> Message:
    """Take the current job back; possible until its first byte has left (RFC 3998 4.3.1)."""
    job = await _current(desk, call)
    actor = call.requester.actor()
    await desk.jobs.store.submit(
        lambda tx: suspend(tx, desk.jobs.changer, tx.get_job(job.id), actor)
    )
    return call.ok()


async def resume_job(desk: Desk, call: IppCall) -> Message:
    """Let a suspended job go on (RFC 3998 4.3.2)."""
    job = await _mine(desk, call)
    actor = call.requester.actor()
    await desk.jobs.store.submit(
        lambda tx: lift_hold(tx, desk.jobs.changer, tx.get_job(job.id), Hold.SUSPENDED, actor)
    )
    return call.ok()


async def promote_job(desk: Desk, call: IppCall) -> Message:
    """Let a pending job be the next of its printer (RFC 3998 4.4.1)."""
    job = await desk.job_of(call)
    _check_pending(job)
    await desk.jobs.reorder(job, after=None)
    return call.ok()


async def schedule_job_after(desk: Desk, call: IppCall) -> Message:
    """Let a pending job come after another one (RFC 3998 4.4.2); without one, next."""
    job = await desk.job_of(call)
    _check_pending(job)
    number = call.asked.find_integer("predecessor-job-id")
    before = await desk.jobs.find(number) if number is not None else None
    if number is not None and (before is None or before.queue_id != job.queue_id):
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_FOUND, _("There is no job %(number)s here.", number=number)
        )
    if before is not None and before.state.is_final:
        raise IllegalTransitionError(before.state, JobEvent.HELD)
    is_printing = before is None or before.state is not JobState.PENDING
    await desk.jobs.reorder(job, after=None if is_printing else before)
    return call.ok()


async def cancel_jobs(desk: Desk, call: IppCall) -> Message:
    """Cancel many jobs, all or those named (PWG 5100.11 4.1); all of them or none."""
    return await _cancel_many(desk, call, only_mine=False)


async def cancel_my_jobs(desk: Desk, call: IppCall) -> Message:
    """Cancel the requester's own jobs (PWG 5100.11 4.2)."""
    return await _cancel_many(desk, call, only_mine=True)


async def _cancel_many(desk: Desk, call: IppCall, *, only_mine: bool) -> Message:
    numbers = call.asked.list_integers("job-ids")
    jobs = []
    for number in dict.fromkeys(numbers):
        job = await desk.find_job(call, number)
        if job.state.is_final:
            raise IllegalTransitionError(job.state, JobEvent.CANCELED)
        if not may_change(call.requester, job):
            raise not_yours(call.requester)
        jobs.append(job)
    if not numbers:
        jobs = list(await desk.list_jobs(call, only_mine=only_mine, limit=_MOST_CANCELED))
    for job in jobs:
        await desk.jobs.cancel(job.id, call.requester.actor())
    return call.ok()


async def _mine(desk: Desk, call: IppCall) -> Job:
    job = await desk.job_of(call)
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    return job


async def _current(desk: Desk, call: IppCall) -> Job:
    job = await desk.control.find_current(call.target.queue.id)
    wanted = call.asked.find_integer("job-id")
    if job is None or (wanted is not None and wanted != job.number):
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_POSSIBLE, _("This job is not being printed just now.")
        )
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    return job


def _check_pending(job: Job) -> None:
    if job.state is not JobState.PENDING:
        raise IllegalTransitionError(job.state, JobEvent.HELD)
