"""Which uploads come in: the ticket against what is known here, the bytes against the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from edge_agent.intake.access import closed_words, may_use
from edge_agent.intake.capabilities import ANY, GENERIC
from edge_agent.intake.formats import SNIFF_BYTES, sniff
from edge_agent.intake.queue_status import QueueStatus
from edge_agent.intake.targets import Directory
from edge_agent.intake.ticket import read_ticket
from edge_agent.jobs.model import NewJob
from shared.i18n import gettext as _
from shared.job_states import Hold
from shared.messages.events import Source
from shared.messages.records import AccountRecord, QueueRecord, QueueType, UserRecord
from shared.messages.uploads import UploadTicket

_CLOCKS_MAY_DIFFER: Final = timedelta(minutes=10)
_LONGEST_TITLE: Final = 255


class UploadRefusedError(Exception):
    """It does not come in; ``reason`` is for the audit, the text for who brought it."""

    def __init__(self, status: HTTPStatus, reason: str, says: str) -> None:
        super().__init__(says)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Admitted:
    """A ticket, and what it names as this gateway knows it."""

    ticket: UploadTicket
    account: AccountRecord
    user: UserRecord
    queue: QueueRecord


def check_time(ticket: UploadTicket, now: datetime) -> None:
    """Check a ticket against the clock.

    Raises:
        UploadRefusedError: It is too old, or from a future that would make it last longer.
    """
    if ticket.expires_at <= now:
        says = _("This ticket is too old: ask for a new one.")
        raise UploadRefusedError(HTTPStatus.FORBIDDEN, "expired", says)
    if ticket.issued_at > now + _CLOCKS_MAY_DIFFER:
        says = _("This gateway's clock is behind the primary's.")
        raise UploadRefusedError(HTTPStatus.FORBIDDEN, "clock", says)


def admit(directory: Directory, ticket: UploadTicket) -> Admitted:
    """Find what a ticket names, as it is now.

    Raises:
        UploadRefusedError: It is gone, or the person may not print there any more.
    """
    accounts = {account.id: account for account in directory.accounts()}
    account = accounts.get(ticket.account_id)
    user = directory.user(ticket.account_id, ticket.user_id) if account else None
    queues = directory.queues(ticket.account_id) if account else ()
    queue = next((queue for queue in queues if queue.id == ticket.queue_id), None)
    if account is None or user is None or queue is None:
        says = _("This gateway does not know the person or the queue of this ticket.")
        raise UploadRefusedError(HTTPStatus.FORBIDDEN, "unknown", says)
    if account.is_closed:
        raise UploadRefusedError(HTTPStatus.FORBIDDEN, "account-closed", closed_words())
    if not may_use(queue, user):
        says = _("You may not print to this queue.")
        raise UploadRefusedError(HTTPStatus.FORBIDDEN, "not-entitled", says)
    return Admitted(ticket, account, user, queue)


def check_place(queue: QueueRecord, status: QueueStatus, *, has_room: bool) -> None:
    """Check that the queue takes jobs, as its operator has set it.

    Raises:
        UploadRefusedError: Not just now.
    """
    if queue.type is QueueType.DIRECT and queue.printer_id is None:
        says = _("This queue has no printer yet.")
        raise UploadRefusedError(HTTPStatus.CONFLICT, "no-printer", says)
    if not status.is_accepting:
        says = _("This queue takes no jobs just now. Please try again later.")
        raise UploadRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "not-accepting", says)
    if not has_room:
        raise no_room()


def new_job(admitted: Admitted, status: QueueStatus, source: str) -> NewJob:
    account, queue, ticket = admitted.account, admitted.queue, admitted.ticket
    is_pull = queue.type is QueueType.PULL
    holds = status.holds | {Hold.OWNER} if is_pull else status.holds
    wanted = read_ticket((), GENERIC, queue.ticket_defaults)
    return NewJob(
        id=ticket.job_id,
        account_id=account.id,
        queue_id=queue.id,
        title=ticket.title[:_LONGEST_TITLE] or _("Untitled"),
        identity="verified",  # The primary knew who asked; the ticket is its word for it.
        owner_id=admitted.user.id,
        claimed_name=None,
        source=Source("web", source, ""),
        holds=holds,
        printer_id=None if is_pull else queue.printer_id,
        retention_seconds=queue.retention_seconds or account.retention_seconds,
        ticket=wanted.values,
        ticket_ipp=wanted.encoded(),
        language=admitted.user.language or account.language,
        keep_after_printing=queue.keep_after_printing,
    )


def format_of(ticket: UploadTicket, first: bytes) -> str:
    """What the bytes are, where they tell; what the ticket says, where they do not.

    Raises:
        UploadRefusedError: The queue does not print that.
    """
    found = sniff(first)
    if found != ANY and found in GENERIC.formats:
        return found
    if ticket.document_format == ANY:
        return ANY  # Whoever asked left it open: the printer sees what it is.
    if found != ANY or ticket.document_format not in GENERIC.formats:
        named = found if found != ANY else ticket.document_format
        says = _("This queue does not print %(format)s.", format=named[:80])
        raise UploadRefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "format", says)
    return ticket.document_format


async def bounded(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """Give what comes, and no more than was allowed.

    Raises:
        UploadRefusedError: More came.
    """
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise too_large()
        yield chunk


async def first_of(chunks: AsyncIterator[bytes]) -> bytes:
    """Enough of a document to tell what it is."""
    got = b""
    while len(got) < SNIFF_BYTES and (more := await anext(chunks, b"")):
        got += more
    return got


async def joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def too_large() -> UploadRefusedError:
    says = _("The document is larger than may be brought here.")
    return UploadRefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "size", says)


def used() -> UploadRefusedError:
    says = _("This ticket was used: its document is here already.")
    return UploadRefusedError(HTTPStatus.CONFLICT, "used", says)


def no_room() -> UploadRefusedError:
    says = _("There is no room for more jobs.")
    return UploadRefusedError(HTTPStatus.INSUFFICIENT_STORAGE, "full", says)
