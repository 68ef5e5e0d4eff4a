"""What an operator does to a queue (RFC 8011 4.2.7 to 4.2.9, RFC 3380, RFC 3998, PWG 5100.11).

Each needs an authenticated operator over TLS; the table in ``ipp_operations`` says so.
"""

from __future__ import annotations

from typing import Final

from edge_agent.intake.desk import Desk
from edge_agent.intake.ipp_call import IppCall, RefusedError
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import OutOfBand, Text, TextWithLanguage
from shared.job_states import Hold

SETTABLE: Final = ("printer-message-from-operator",)
_LONGEST_MESSAGE: Final = 127
_NOT_SETTABLE: Final = OutOfBand(Tag.NOT_SETTABLE)


async def pause_printer(desk: Desk, call: IppCall) -> Message:
    """Let nothing more go to a printer; what is being printed is printed to its end."""
    queue_id = call.target.queue.id
    await desk.queues.change(queue_id, is_paused=True)
    await desk.control.add_hold(queue_id, Hold.PAUSED, call.requester.actor())
    return _done(desk, call)


async def resume_printer(desk: Desk, call: IppCall) -> Message:
    queue_id = call.target.queue.id
    if desk.queues.status(queue_id).is_shut_down:
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_POSSIBLE, _("This queue is shut down: start it up first.")
        )
    await desk.queues.change(queue_id, is_paused=False)
    await desk.control.lift_hold(queue_id, Hold.PAUSED, call.requester.actor())
    return _done(desk, call)


async def enable_printer(desk: Desk, call: IppCall) -> Message:
    await desk.queues.change(call.target.queue.id, is_accepting=True)
    return _done(desk, call)


async def disable_printer(desk: Desk, call: IppCall) -> Message:
    """Take no more jobs; those that are here go on."""
    await desk.queues.change(call.target.queue.id, is_accepting=False)
    return _done(desk, call)


async def hold_new_jobs(desk: Desk, call: IppCall) -> Message:
    await desk.queues.change(call.target.queue.id, holds_new_jobs=True)
    return _done(desk, call)


async def release_held_new_jobs(desk: Desk, call: IppCall) -> Message:
    queue_id = call.target.queue.id
    await desk.queues.change(queue_id, holds_new_jobs=False)
    await desk.control.lift_hold(queue_id, Hold.NEW, call.requester.actor())
    return _done(desk, call)


async def shutdown_printer(desk: Desk, call: IppCall) -> Message:
    """Close the queue for jobs in both directions until Startup-Printer."""
    queue_id = call.target.queue.id
    await desk.queues.change(queue_id, is_shut_down=True, is_paused=True)
    await desk.control.add_hold(queue_id, Hold.PAUSED, call.requester.actor())
    return _done(desk, call)


async def startup_printer(desk: Desk, call: IppCall) -> Message:
    queue_id = call.target.queue.id
    await desk.queues.change(
        queue_id, is_shut_down=False, is_paused=False, is_accepting=True, holds_new_jobs=False
    )
    await desk.control.lift_hold(queue_id, Hold.PAUSED, call.requester.actor())
    await desk.control.lift_hold(queue_id, Hold.NEW, call.requester.actor())
    return _done(desk, call)


async def restart_printer(desk: Desk, call: IppCall) -> Message:
    """Shut down and start up again: every switch of the operator is as it was at first."""
    return await startup_printer(desk, call)


async def purge_jobs(desk: Desk, call: IppCall) -> Message:
    """Cancel every job and show none of the past; what was charged stays charged."""
    queue_id = call.target.queue.id
    highest = await desk.control.cancel_all(queue_id, call.requester.actor())
    await desk.queues.change(queue_id, purged_upto=highest)
    return _done(desk, call)


async def set_printer_attributes(desk: Desk, call: IppCall) -> Message:
    """Set what belongs to the operator; everything else is set at the primary (RFC 3380 4.1)."""
    wanted = call.message.printer.attributes
    foreign = tuple(
        Attribute(item.name, (_NOT_SETTABLE,)) for item in wanted if item.name not in SETTABLE
    )
    if foreign:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_NOT_SETTABLE,
            _("This is set by the administrator, not over IPP."),
            unsupported=foreign,
        )
    for item in wanted:
        value = item.value
        if isinstance(value, Text | TextWithLanguage):
            says = value.value[:_LONGEST_MESSAGE]
        elif isinstance(value, OutOfBand):
            says = ""  # delete-attribute, no-value
        else:
            raise RefusedError(
                Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
                _("A message is text."),
                unsupported=(item,),
            )
        await desk.queues.change(call.target.queue.id, operator_message=says)
    return _done(desk, call)


async def get_printer_supported_values(desk: Desk, call: IppCall) -> Message:  # noqa: ARG001
    """Tell what the settable attributes may be set to (RFC 3380 4.3): any text."""
    asked = call.asked.list_words("requested-attributes") or ("all",)
    names = SETTABLE if {"all", "printer-description"} & set(asked) else asked
    supported = tuple(Attribute(name, (Text(""),)) for name in names if name in SETTABLE)
    return call.ok((Group(Tag.PRINTER, supported),))


def _done(desk: Desk, call: IppCall) -> Message:
    desk.audit.record(
        "ipp.operated",
        ok=True,
        source=call.requester.address,
        account_id=call.target.account.id,
        user_id=call.requester.user.id if call.requester.user else None,
        detail={"operation": call.operation.title, "queue": call.target.queue.path},
    )
    return call.ok()
