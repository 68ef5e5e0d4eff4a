"""A printer's driver for tests of what happens around it: says what the test tells it to say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.jobs.driver import Outcome, Page, PrinterUnavailableError, Progress, Result
from edge_agent.jobs.model import Job
from shared.ids import JobId, PrinterId
from shared.messages.records import PrinterRecord

PRINTED = Outcome(Result.PRINTED, "completed", impressions_completed=3, printer_job_id=7)


@dataclass
class FakePrinter:
    """Takes jobs, or is away, or fails; ``paper`` is what came out, in order."""

    outcome: Outcome = PRINTED
    answer: Outcome | None = None  # to ``ask``
    away: str | None = None
    retry_after_seconds: float = 0.1
    fails_with: Exception | None = None
    paper: list[tuple[JobId, bytes]] = field(default_factory=list)
    asked: list[JobId] = field(default_factory=list)
    canceled: list[JobId] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)  # opens before the end is told
    attempts: int = 0
    reports_first_byte: bool = True
    stops: str | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    async def deliver(
        self,
        printer: PrinterRecord,
        job: Job,
        documents: Sequence[Page],
        on_progress: Callable[[Progress], Awaitable[None]],
    ) -> Outcome:
        self.attempts += 1
        if self.away is not None:
            raise PrinterUnavailableError(self.away, self.retry_after_seconds)
        if self.reports_first_byte:
            await on_progress(Progress(printer_job_id=7))
            await on_progress(Progress(first_byte=True))
        body = b"".join([chunk for page in documents async for chunk in page.open()])
        if self.stops is not None:
            await on_progress(Progress(stopped=self.stops))
            await on_progress(Progress(resumed=True))
        if self.fails_with is not None:
            raise self.fails_with
        await self.gate.wait()
        self.paper.append((job.id, body))
        return self.outcome

    async def ask(self, printer: PrinterRecord, job: Job) -> Outcome | None:
        self.asked.append(job.id)
        return self.answer

    async def cancel(self, printer: PrinterRecord, job: Job) -> None:
        self.canceled.append(job.id)


def a_printer_record(printer_id: PrinterId) -> PrinterRecord:
    return PrinterRecord(printer_id, "Hall", "ipp://127.0.0.1:1/ipp/print")
