"""Print-Job, Validate-Job, Create-Job, Send-Document, Close-Job (RFC 8011 4.2, 4.3.1; 5100.7)."""

from __future__ import annotations

from edge_agent.intake.access import may_change
from edge_agent.intake.desk import Desk, not_yours
from edge_agent.intake.ipp_call import IppCall, RefusedError, unsupported_group
from edge_agent.intake.job_attributes import describe_new_job
from edge_agent.intake.job_creation import (
    Order,
    check_document,
    check_may_print,
    open_document,
    read_order,
)
from edge_agent.intake.postscript import PostScriptScan
from edge_agent.jobs.model import Job
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Group, Message
from shared.ipp.tags import Tag


async def print_job(desk: Desk, call: IppCall) -> Message:
    check_may_print(desk, call)
    media_type = check_document(desk, call)
    order = read_order(desk, call)
    media_type, body = await open_document(desk, call, media_type)
    if not body:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("There is no document."))
    name = call.asked.find_text("document-name") or order.new.title
    scan = PostScriptScan(media_type)
    job = await desk.jobs.accept(
        order.new,
        format=media_type,
        name=name,
        body=scan.look(body),
        began_at=call.began_at,
        judge=scan.remark,
        holds_now=lambda: desk.queues.status(call.target.queue.id).holds,
    )
    desk.note_postscript(call, job, scan)
    return _created(call, job, order)


async def validate_job(desk: Desk, call: IppCall) -> Message:
    check_may_print(desk, call)
    check_document(desk, call)
    order = read_order(desk, call)
    return call.ok(unsupported_group(order.ticket.unsupported), status=order.status)


async def create_job(desk: Desk, call: IppCall) -> Message:
    check_may_print(desk, call)
    order = read_order(desk, call)
    job = await desk.jobs.create(order.new)
    return _created(call, job, order)


async def send_document(desk: Desk, call: IppCall) -> Message:
    job = await desk.job_of(call)
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    last = call.asked.find_boolean("last-document")
    if last is None:
        raise RefusedError(
            Status.CLIENT_ERROR_BAD_REQUEST, _("Send-Document must say whether it is the last.")
        )
    media_type = check_document(desk, call)
    media_type, body = await open_document(desk, call, media_type)
    if body:
        name = call.asked.find_text("document-name") or job.title
        scan = PostScriptScan(media_type)
        job = await desk.jobs.add_document(
            job.id,
            format=media_type,
            name=name,
            body=scan.look(body),
            last=last,
            judge=scan.remark,
        )
        desk.note_postscript(call, job, scan)
    elif last:
        job = await desk.jobs.close(job.id)
    else:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("There is no document."))
    return call.ok((Group(Tag.JOB, describe_new_job(job, call.printer_uri)),))


async def close_job(desk: Desk, call: IppCall) -> Message:
    job = await desk.job_of(call)
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    await desk.jobs.close(job.id)
    return call.ok()


def _created(call: IppCall, job: Job, order: Order) -> Message:
    described = describe_new_job(job, call.printer_uri)
    groups = (*unsupported_group(order.ticket.unsupported), Group(Tag.JOB, described))
    return call.ok(groups, status=order.status, says=order.new.message)
