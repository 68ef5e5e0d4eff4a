"""What the runner asks of every way out (IPP, later LPR, raw, CUPS)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from edge_agent.jobs.model import Document, Job
from shared.messages.records import PrinterRecord


class Result(Enum):
    """What became of a delivery."""

    PRINTED = "printed"  # the printer says completed
    REFUSED = "refused"  # for good: trying again cannot help
    CANCELED_AT_PRINTER = "canceled-at-printer"
    UNKNOWN = "unknown"  # bytes were sent and the printer cannot tell


class PrinterUnavailableError(Exception):
    """Nothing was sent: the printer is off, busy (0x0507) or not accepting.

    ``retry_after_seconds`` says when trying again makes sense; ``says`` is a sentence for the
    job's owner.
    """

    def __init__(self, says: str, retry_after_seconds: float) -> None:
        super().__init__(says)
        self.says = says
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended; ``says`` is a sentence for the job's owner."""

    result: Result
    says: str
    impressions_completed: int | None = None
    media_sheets_completed: int | None = None
    printer_job_id: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A document and how to read it: each call of ``open`` starts from its first byte."""

    document: Document
    open: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Progress:
    """What the driver reports while it sends; awaited before it goes on, so it is durable."""

    printer_job_id: int | None = None
    first_byte: bool = False  # the first document byte is about to leave
    stopped: str | None = None  # the printer stopped; a sentence why
    resumed: bool = False


class PrinterDriver(Protocol):
    """One way out to one kind of printer."""

    async def deliver(
        self,
        printer: PrinterRecord,
        job: Job,
        documents: Sequence[Page],
        on_progress: Callable[[Progress], Awaitable[None]],
    ) -> Outcome:
        """Send the job and follow it to its end.

        Raises:
            PrinterUnavailableError: Nothing was sent; trying again later can help.
        """
        ...

    async def ask(self, printer: PrinterRecord, job: Job) -> Outcome | None:
        """After a crash in *sending*: what became of it; None when the printer cannot tell."""
        ...

    async def cancel(self, printer: PrinterRecord, job: Job) -> None:
        """Ask the printer to stop printing the job; errors are not the caller's trouble."""
        ...
