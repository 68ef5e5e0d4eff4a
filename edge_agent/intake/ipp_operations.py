"""One function per IPP operation: Message in, Message out; knows no socket.

``OPERATIONS`` is also what is advertised: an operation that is not in it is not there. There is
no Print-URI and no Send-URI: this server fetches nothing that a stranger names.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from edge_agent.intake import job_operations as job
from edge_agent.intake import printer_operations as printer
from edge_agent.intake import printing_operations as printing
from edge_agent.intake.compression import CompressionError
from edge_agent.intake.desk import Desk
from edge_agent.intake.ipp_call import IppCall, RefusedError, SignInNeededError, unsupported_group
from edge_agent.jobs.errors import (
    DocumentGoneError,
    IllegalTransitionError,
    JobNotFoundError,
    SpoolFullError,
)
from shared.i18n import gettext as _
from shared.i18n import mark
from shared.ipp.build import response
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Message

log = logging.getLogger(__name__)

Handler = Callable[[Desk, IppCall], Awaitable[Message]]


class Who(Enum):
    """Who may ask for an operation at all; whose job it may touch is decided by the operation."""

    ANYONE = "anyone"
    USER = "user"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Rule:
    handler: Handler
    who: Who = Who.USER


O = Operation  # noqa: E741
OPERATIONS: Final[Mapping[Operation, Rule]] = {
    O.PRINT_JOB: Rule(printing.print_job),
    O.VALIDATE_JOB: Rule(printing.validate_job),
    O.CREATE_JOB: Rule(printing.create_job),
    O.SEND_DOCUMENT: Rule(printing.send_document),
    O.CANCEL_JOB: Rule(job.cancel_job),
    O.GET_JOB_ATTRIBUTES: Rule(job.get_job_attributes),
    O.GET_JOBS: Rule(job.get_jobs),
    O.GET_PRINTER_ATTRIBUTES: Rule(printer.get_printer_attributes, Who.ANYONE),
    O.HOLD_JOB: Rule(job.hold_job),
    O.RELEASE_JOB: Rule(job.release_job),
    O.CLOSE_JOB: Rule(printing.close_job),
}
del O


# What can happen to anybody; without words of ours the error's own are said.
_TROUBLES: Final[Mapping[type[Exception], tuple[Status, str]]] = {
    JobNotFoundError: (Status.CLIENT_ERROR_NOT_FOUND, mark("There is no such job here.")),
    IllegalTransitionError: (Status.CLIENT_ERROR_NOT_POSSIBLE, ""),
    DocumentGoneError: (
        Status.CLIENT_ERROR_NOT_POSSIBLE,
        mark("The documents of this job are erased."),
    ),
    CompressionError: (Status.CLIENT_ERROR_COMPRESSION_ERROR, ""),
    SpoolFullError: (Status.SERVER_ERROR_TEMPORARY_ERROR, ""),
}


async def answer(desk: Desk, call: IppCall) -> Message:
    """Do what is asked and answer it.

    Raises:
        SignInNeededError: Answer HTTP 401.
        BodyCutShortError: Nobody is left to be answered.
    """
    try:
        rule = OPERATIONS[call.operation]
        if rule.who is Who.OPERATOR:
            _check_operator(call)
        return await rule.handler(desk, call)
    except (RefusedError, SignInNeededError) as refusal:
        if refusal.reason:
            note_refusal(desk, call, refusal.reason)
        if isinstance(refusal, SignInNeededError):
            raise
        return refuse(call, refusal)
    except tuple(_TROUBLES) as error:
        status, says = _TROUBLES[type(error)]
        return response(status, call.message, message=_(says) or str(error), language=call.language)


def refuse(call: IppCall, refusal: RefusedError) -> Message:
    return response(
        refusal.status,
        call.message,
        message=refusal.says,
        groups=unsupported_group(refusal.unsupported),
        language=call.language,
    )


def note_refusal(desk: Desk, call: IppCall, reason: str) -> None:
    """Write down that somebody asked for what they may not have."""
    requester = call.requester
    desk.audit.record(
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


def _check_operator(call: IppCall) -> None:
    requester = call.requester
    if requester.is_operator:
        return
    if not requester.secure:
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_AUTHORIZED,
            _("Operators work over TLS: use ipps:// and sign in."),
            reason="operator-needed",
        )
    if not requester.is_verified:
        raise SignInNeededError("operator-needed")
    raise RefusedError(
        Status.CLIENT_ERROR_NOT_AUTHORIZED,
        _("Only an operator may do this."),
        reason="operator-needed",
    )
