"""What a queue tells of itself (RFC 8011 4.2.5, RFC 3380 4.3)."""

from __future__ import annotations

from edge_agent.intake import attributes as a
from edge_agent.intake.desk import Desk
from edge_agent.intake.ipp_call import IppCall, RefusedError
from edge_agent.intake.job_creation import check_format, check_is_known
from edge_agent.intake.printer_attributes import IDENTIFY_ACTIONS
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Group, Message
from shared.ipp.tags import Tag


async def get_printer_attributes(desk: Desk, call: IppCall) -> Message:
    """Tell everybody: clients ask before anybody can sign in."""
    target, requester = call.target, call.requester
    constant = desk.queues.attributes(
        target, call.authority, secure=requester.secure, loopback=requester.loopback
    )
    named = call.asked.find_word("document-format")
    if named is not None:  # what is answered may depend on it, so it must be one of ours
        check_format(desk, call, named)
    requested = call.asked.list_words("requested-attributes")
    queued, printing = await desk.control.count(target.queue.id)
    live = desk.queues.live(target, queued, is_printing=printing > 0, has_room=desk.jobs.has_room())
    return call.ok((Group(Tag.PRINTER, constant.choose(requested, live)),))


async def identify_printer(desk: Desk, call: IppCall) -> Message:
    """Let the output device show which one it is (PWG 5100.13 3.1)."""
    check_is_known(call)
    actions = call.asked.list_words("identify-actions")
    unknown = [action for action in actions if action not in IDENTIFY_ACTIONS]
    printer = call.target.printer
    if unknown:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            _("This queue cannot do that to show itself."),
            unsupported=(a.keyword("identify-actions", *unknown),),
        )
    if printer is None or desk.identify is None:
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_POSSIBLE, _("This queue has no device of its own.")
        )
    message = call.asked.find_text("message") or ""
    says = await desk.identify(printer, actions or IDENTIFY_ACTIONS[:1], message[:127])
    if says is not None:
        raise RefusedError(Status.CLIENT_ERROR_NOT_POSSIBLE, says)
    return call.ok()
