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

from edge_agent.intake import document_operations as document
from edge_agent.intake import job_changes as changes
from edge_agent.intake import job_operations as job
from edge_agent.intake import operator_operations as operator
from edge_agent.intake import printer_operations as printer
from edge_agent.intake import printing_operations as printing
from edge_agent.intake import subscription_operations as subscription
from edge_agent.intake.compression import CompressionError
from edge_agent.intake.desk import Desk
from edge_agent.intake.ipp_call import IppCall, RefusedError, SignInNeededError, unsupported_group
from edge_agent.jobs import words
from edge_agent.jobs.errors import (
    DocumentGoneError,
    IllegalTransitionError,
    JobNotFoundError,
    JobStoreError,
    SpoolFullError,
)
from shared.i18n import gettext as _
from shared.i18n import mark
from shared.ipp.build import response
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Message
from shared.job_states import JobState

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
_FOR_ANYONE: Final[Mapping[Operation, Handler]] = {
    O.GET_PRINTER_ATTRIBUTES: printer.get_printer_attributes,
    O.GET_PRINTER_SUPPORTED_VALUES: operator.get_printer_supported_values,
}
_FOR_USERS: Final[Mapping[Operation, Handler]] = {
    O.PRINT_JOB: printing.print_job,
    O.VALIDATE_JOB: printing.validate_job,
    O.CREATE_JOB: printing.create_job,
    O.SEND_DOCUMENT: printing.send_document,
    O.CLOSE_JOB: printing.close_job,
    O.GET_JOBS: job.get_jobs,
    O.GET_JOB_ATTRIBUTES: job.get_job_attributes,
    O.CANCEL_JOB: job.cancel_job,
    O.HOLD_JOB: job.hold_job,
    O.RELEASE_JOB: job.release_job,
    O.SET_JOB_ATTRIBUTES: changes.set_job_attributes,
    O.REPROCESS_JOB: changes.resubmit_job,
    O.RESUBMIT_JOB: changes.resubmit_job,
    O.CANCEL_CURRENT_JOB: changes.cancel_current_job,
    O.SUSPEND_CURRENT_JOB: changes.suspend_current_job,
    O.RESUME_JOB: changes.resume_job,
    O.CANCEL_MY_JOBS: changes.cancel_my_jobs,
    O.GET_DOCUMENTS: document.get_documents,
    O.GET_DOCUMENT_ATTRIBUTES: document.get_document_attributes,
    O.SET_DOCUMENT_ATTRIBUTES: document.set_document_attributes,
    O.CANCEL_DOCUMENT: document.cancel_document,
    O.CREATE_PRINTER_SUBSCRIPTIONS: subscription.create_printer_subscriptions,
    O.CREATE_JOB_SUBSCRIPTIONS: subscription.create_job_subscriptions,
    O.GET_SUBSCRIPTION_ATTRIBUTES: subscription.get_subscription_attributes,
    O.GET_SUBSCRIPTIONS: subscription.get_subscriptions,
    O.RENEW_SUBSCRIPTION: subscription.renew_subscription,
    O.CANCEL_SUBSCRIPTION: subscription.cancel_subscription,
    O.GET_NOTIFICATIONS: subscription.get_notifications,
    O.IDENTIFY_PRINTER: printer.identify_printer,
}
_FOR_OPERATORS: Final[Mapping[Operation, Handler]] = {
    O.PAUSE_PRINTER: operator.pause_printer,
    O.PAUSE_PRINTER_AFTER_CURRENT_JOB: operator.pause_printer,
    O.RESUME_PRINTER: operator.resume_printer,
    O.PURGE_JOBS: operator.purge_jobs,
    O.SET_PRINTER_ATTRIBUTES: operator.set_printer_attributes,
    O.ENABLE_PRINTER: operator.enable_printer,
    O.DISABLE_PRINTER: operator.disable_printer,
    O.HOLD_NEW_JOBS: operator.hold_new_jobs,
    O.RELEASE_HELD_NEW_JOBS: operator.release_held_new_jobs,
    O.RESTART_PRINTER: operator.restart_printer,
    O.SHUTDOWN_PRINTER: operator.shutdown_printer,
    O.STARTUP_PRINTER: operator.startup_printer,
    O.RESTART_JOB: changes.restart_job,
    O.PROMOTE_JOB: changes.promote_job,
    O.SCHEDULE_JOB_AFTER: changes.schedule_job_after,
    O.CANCEL_JOBS: changes.cancel_jobs,
}
OPERATIONS: Final[Mapping[Operation, Rule]] = {
    operation: Rule(handler, who)
    for who, handlers in (
        (Who.ANYONE, _FOR_ANYONE),
        (Who.USER, _FOR_USERS),
        (Who.OPERATOR, _FOR_OPERATORS),
    )
    for operation, handler in sorted(handlers.items())
}
del O


# What can happen to anybody; without words of ours the error's own are said.
_TROUBLES: Final[Mapping[type[Exception], tuple[Status, str]]] = {
    JobNotFoundError: (Status.CLIENT_ERROR_NOT_FOUND, mark("There is no such job here.")),
    IllegalTransitionError: (Status.CLIENT_ERROR_NOT_POSSIBLE, ""),  # see _why_not
    DocumentGoneError: (
        Status.CLIENT_ERROR_NOT_POSSIBLE,
        mark("The documents of this job are erased."),
    ),
    CompressionError: (Status.CLIENT_ERROR_COMPRESSION_ERROR, ""),
    SpoolFullError: (Status.SERVER_ERROR_TEMPORARY_ERROR, ""),
    JobStoreError: (
        Status.SERVER_ERROR_TEMPORARY_ERROR,
        mark("The job could not be kept just now. Please send it again."),
    ),
}

_NO_MORE_DOCUMENTS: Final = mark("This job takes no more documents just now.")
_NOT_IN_LINE: Final = mark("Only a job that waits for nothing but its printer has a place in line.")
_WHY_NOT: Final[Mapping[Operation, str]] = {
    Operation.SEND_DOCUMENT: _NO_MORE_DOCUMENTS,
    Operation.CLOSE_JOB: _NO_MORE_DOCUMENTS,
    Operation.RELEASE_JOB: mark(
        "Its sender does not hold this job. On a pull queue it waits for its owner at a printer."
    ),
    Operation.RESUME_JOB: mark("This job is not suspended."),
    Operation.RESTART_JOB: mark("Only a job that is over can be printed again."),
    Operation.PROMOTE_JOB: _NOT_IN_LINE,
    Operation.SCHEDULE_JOB_AFTER: _NOT_IN_LINE,
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
            desk.note_refusal(call, refusal.reason)
        if isinstance(refusal, SignInNeededError):
            raise
        return refuse(call, refusal)
    except tuple(_TROUBLES) as error:
        status, says = _TROUBLES[type(error)]
        if isinstance(error, IllegalTransitionError):
            says = _why_not(call.operation, error.state)
        says = _(says) if says else str(error)
        return response(status, call.message, message=says, language=call.language)


def _why_not(operation: Operation, state: JobState) -> str:
    """Say why a job in this state is not the one for it."""
    if state.is_final:
        return words.IS_OVER
    if says := _WHY_NOT.get(operation):
        return says
    if state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED):
        return words.IS_PRINTING
    return mark("This cannot be done to a job that still waits.")


def refuse(call: IppCall, refusal: RefusedError) -> Message:
    return response(
        refusal.status,
        call.message,
        message=refusal.says,
        groups=unsupported_group(refusal.unsupported),
        language=call.language,
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
