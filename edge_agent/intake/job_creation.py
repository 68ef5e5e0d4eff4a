"""From a request to a new job: who may, what is asked for, where it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from edge_agent.intake.access import closed_words, is_known_enough, may_use, no_printer_words
from edge_agent.intake.capabilities import ANY
from edge_agent.intake.compression import SUPPORTED, expand
from edge_agent.intake.desk import Desk, not_yours
from edge_agent.intake.formats import SNIFF_BYTES, sniff
from edge_agent.intake.ipp_call import IppCall, RefusedError, SignInNeededError
from edge_agent.intake.ticket import Ticket, read_ticket
from edge_agent.jobs.model import NewJob
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Attribute
from shared.ipp.values import Keyword, MimeMediaType
from shared.job_states import Hold
from shared.messages.events import Source
from shared.messages.records import QueueType

_LONGEST_TITLE = 255


@dataclass(frozen=True, slots=True)
class Order:
    """A job that may be made."""

    new: NewJob
    ticket: Ticket

    @property
    def status(self) -> Status:
        if self.ticket.unsupported:
            return Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
        return Status.SUCCESSFUL_OK


def check_is_known(call: IppCall) -> None:
    """Check that the requester said who they are in the way that the queue wants.

    Raises:
        SignInNeededError: By signing in they can.
        RefusedError: They cannot here.
    """
    requester = call.requester
    if is_known_enough(call.target.account, call.target.queue, requester):
        return
    if requester.may_sign_in:
        raise SignInNeededError("")  # the ordinary first request of every client: no refusal
    raise RefusedError(
        Status.CLIENT_ERROR_NOT_AUTHORIZED,
        _("This queue wants to know who you are: use ipps:// and sign in."),
        reason="sign-in-needed",
    )


def check_is_somebody(call: IppCall) -> None:
    """Check that a pull queue's job would belong to somebody who can release it.

    Raises:
        SignInNeededError: Whoever it is may have another name here.
        RefusedError: Nobody has this name.
    """
    requester = call.requester
    if requester.user is None and call.target.queue.type is QueueType.PULL:
        says = _("Nobody here is called %(name)s.", name=requester.name)
        raise not_yours(requester, says, reason="unknown-user")


def check_may_print(desk: Desk, call: IppCall) -> None:
    """Check that the requester may print to the queue.

    Raises:
        SignInNeededError: After signing in, perhaps.
        RefusedError: No, in words.
    """
    check_is_known(call)
    target, requester = call.target, call.requester
    check_is_somebody(call)
    if target.account.is_closed:
        raise RefusedError(Status.SERVER_ERROR_NOT_ACCEPTING_JOBS, closed_words())
    if not may_use(target.queue, requester.user):
        raise not_yours(requester, _("You may not print to this queue."))
    status = desk.queues.status(target.queue.id)
    if target.lacks_printer:
        raise RefusedError(Status.SERVER_ERROR_NOT_ACCEPTING_JOBS, no_printer_words())
    if not status.is_accepting or not desk.jobs.has_room():
        raise RefusedError(
            Status.SERVER_ERROR_NOT_ACCEPTING_JOBS,
            _("This queue takes no jobs just now. Please try again later."),
        )


def read_order(desk: Desk, call: IppCall) -> Order:
    """Read what kind of job is asked for.

    Raises:
        RefusedError: It cannot be done as asked, and the sender wants nothing else.
    """
    target, requester, asked = call.target, call.requester, call.asked
    capabilities = desk.queues.capabilities(target)
    ticket = read_ticket(call.message.groups, capabilities, target.queue.ticket_defaults)
    if ticket.unsupported and asked.find_boolean("ipp-attribute-fidelity"):
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            ticket.describe_refusal(),
            unsupported=ticket.unsupported,
        )
    queue, is_pull = target.queue, target.queue.type is QueueType.PULL
    holds = set()
    if is_pull:
        holds.add(Hold.OWNER)
    if ticket.is_held_by_sender:
        holds.add(Hold.SENDER)
    holds |= desk.queues.status(queue.id).holds
    title = asked.find_text("job-name") or asked.find_text("document-name") or _("Untitled")
    new = NewJob(
        account_id=target.account.id,
        queue_id=queue.id,
        title=title[:_LONGEST_TITLE],
        identity="verified" if requester.is_verified else "claimed",
        owner_id=requester.user.id if requester.user else None,
        claimed_name=None if requester.is_verified else requester.name,
        source=Source(call.scheme, requester.address, asked.find_text("job-originating-host-name")),
        holds=frozenset(holds),
        printer_id=None if is_pull else queue.printer_id,
        retention_seconds=queue.retention_seconds or target.account.retention_seconds,
        ticket=ticket.values,
        ticket_ipp=ticket.encoded(),
        language=call.language,
        keep_after_printing=queue.keep_after_printing,
        message=ticket.describe_unsupported(),
    )
    return Order(new, ticket)


def check_document(desk: Desk, call: IppCall) -> str:
    """Check format and compression; give the media type that was named.

    Raises:
        RefusedError: One of them is not supported.
    """
    compression = call.asked.find_keyword("compression") or "none"
    if compression not in SUPPORTED:
        raise RefusedError(
            Status.CLIENT_ERROR_COMPRESSION_NOT_SUPPORTED,
            _("This compression is not known here."),
            unsupported=(Attribute("compression", (Keyword(compression),)),),
        )
    return check_format(desk, call, call.asked.find_word("document-format") or ANY)


def check_format(desk: Desk, call: IppCall, named: str) -> str:
    """Give the media type without its parameters.

    Raises:
        RefusedError: This queue does not print it.
    """
    media_type = named.partition(";")[0].strip().lower()
    if media_type not in desk.queues.capabilities(call.target).formats:
        raise RefusedError(
            Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED,
            _("This queue does not print %(format)s.", format=media_type[:80]),
            unsupported=(Attribute("document-format", (MimeMediaType(named[:255]),)),),
        )
    return media_type


async def open_document(
    desk: Desk, call: IppCall, media_type: str
) -> tuple[str, AsyncIterator[bytes] | bytes]:
    """Give the document as it is without compression, and its format where that was left open.

    A document that has arrived whole already is given in one piece; empty when there is none.
    """
    chunks = call.body
    compression = call.asked.find_keyword("compression") or "none"
    if compression != "none":
        chunks = expand(chunks, compression, desk.limits)
    first = await anext(chunks, b"")
    if media_type == ANY:
        while 0 < len(first) < SNIFF_BYTES and (more := await anext(chunks, b"")):
            first += more
        found = sniff(first)
        media_type = found if found in desk.queues.capabilities(call.target).formats else ANY
    second = await anext(chunks, b"")
    if not second:
        return media_type, first
    return media_type, _all(first, second, chunks)


async def _all(first: bytes, second: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    yield second
    async for chunk in rest:
        yield chunk
