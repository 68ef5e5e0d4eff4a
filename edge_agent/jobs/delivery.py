"""One job on its way to one printer: the durable marks, and what its outcome means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from edge_agent.jobs import words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.driver import Outcome, Page, Progress, Result
from edge_agent.jobs.errors import IllegalTransitionError
from edge_agent.jobs.model import Job
from edge_agent.jobs.recovery import hold_uncertain
from edge_agent.jobs.service import JobService
from edge_agent.jobs.transaction import Transaction
from edge_agent.jobs.usage import printer_count, usage
from shared.ids import PrinterId
from shared.job_states import JobEvent, JobState

PRINTING = (JobState.PROCESSING, JobState.PROCESSING_STOPPED)


class Delivery:
    """What the runner writes down while a driver sends a job."""

    def __init__(self, service: JobService, job: Job, printer_id: PrinterId) -> None:
        self._store = service.store
        self._changer = service.changer
        self._clock = service.clock
        self._job_id = job.id
        self._printer_id = printer_id
        self._tapped_at = service.tapped_at.get(job.id)
        self._measured: asyncio.Task[Any] | None = None
        self._marking = asyncio.Lock()
        self.is_sending = False

    def guarded(self, page: Page) -> Page:
        """Make sure that no byte of a document leaves before the sending mark is on disk."""
        return replace(page, open=partial(self._guarded, page.open))

    async def _guarded(self, open_page: Callable[[], AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
        async for chunk in open_page():
            await self._mark_sending()
            yield chunk

    async def on_progress(self, progress: Progress) -> None:
        """Write down what the driver reports; durable when this returns.

        Raises:
            IllegalTransitionError: The job was canceled, or went to another printer.
        """
        if progress.printer_job_id is not None:
            await self._store.submit(partial(self._start, printer_job_id=progress.printer_job_id))
        if progress.first_byte:
            await self._mark_sending()
        if progress.stopped is not None:
            await self._store.submit(partial(self._stop, says=progress.stopped))
        if progress.resumed:
            await self._store.submit(self._resume)

    async def finish(self, outcome: Outcome) -> None:
        """Write the end down, with its figures, in one transaction."""
        await self._settle_measure()
        await self._store.submit(partial(self._end, outcome=outcome))

    async def give_back(self, says: str, retry_after_seconds: float) -> None:
        """Nothing was sent: pending again, and the owner can read why."""
        await self._settle_measure()
        await self._store.submit(partial(self._return, says=says, seconds=retry_after_seconds))

    async def _mark_sending(self) -> None:
        async with self._marking:
            if self.is_sending:
                return
            await self._store.submit(partial(self._start, sending=True))
            self.is_sending = True
            if self._tapped_at is not None:
                # Measured now: the mark is on disk and the byte leaves. Written beside the sending.
                span = int((self._clock.monotonic() - self._tapped_at) * 1000)
                note = self._store.submit(partial(self._note_first_byte, span=span))
                self._measured = asyncio.create_task(note, name="note first byte")

    async def _settle_measure(self) -> None:
        if self._measured is not None:
            await asyncio.wait([self._measured])

    def _mine(self, tx: Transaction, event: JobEvent) -> Job:
        job = tx.get_job(self._job_id)
        if job.printer_id != self._printer_id or job.state not in (JobState.PENDING, *PRINTING):
            raise IllegalTransitionError(job.state, event)
        return job

    def _start(self, tx: Transaction, **marks: Any) -> None:
        job = self._mine(tx, JobEvent.STARTED)
        if job.state is not JobState.PENDING:
            tx.update_job(job, JobEvent.STARTED, **marks)
            return
        self._changer.change(
            tx,
            job,
            JobEvent.STARTED,
            message=words.PRINTING,
            reasons=("job-printing",),
            processing_at=self._clock.now(),
            **marks,
        )

    def _note_first_byte(self, tx: Transaction, span: int) -> None:
        job = tx.find_job(self._job_id)
        if job is not None and job.state in PRINTING:
            self._changer.change(tx, job, "sending", first_byte_ms=span)

    def _stop(self, tx: Transaction, says: str) -> None:
        job = self._mine(tx, JobEvent.STOPPED)
        if job.state is JobState.PROCESSING:
            reasons = ("printer-stopped",)
            self._changer.change(tx, job, JobEvent.STOPPED, message=says, reasons=reasons)
        elif job.message != says:
            self._changer.change(tx, job, "waiting", message=says)

    def _resume(self, tx: Transaction) -> None:
        job = self._mine(tx, JobEvent.RESUMED)
        if job.state is JobState.PROCESSING_STOPPED:
            reasons = ("job-printing",)
            self._changer.change(tx, job, JobEvent.RESUMED, message=words.PRINTING, reasons=reasons)

    def _end(self, tx: Transaction, outcome: Outcome) -> None:
        job = tx.find_job(self._job_id)
        if job is None or job.printer_id != self._printer_id:
            return
        if job.state is JobState.PENDING:
            self._start(tx)
            job = tx.get_job(self._job_id)
        if job.state in PRINTING:
            end_job(tx, self._changer, job, outcome)

    def _return(self, tx: Transaction, says: str, seconds: float) -> None:
        job = tx.find_job(self._job_id)
        if job is None or job.printer_id != self._printer_id:
            return
        waits: dict[str, Any] = {"message": says, "reasons": ("printer-stopped",)}
        waits["detail"] = {"retry_after_seconds": round(seconds)}
        if job.state is JobState.PROCESSING:
            self._changer.change(tx, job, JobEvent.RETURNED, sending=False, **waits)
        elif job.state is JobState.PENDING and job.message != says:
            self._changer.change(tx, job, "waiting", **waits)


def end_job(tx: Transaction, changer: Changer, job: Job, outcome: Outcome) -> None:
    """End a job that was being printed as its outcome says."""
    known: dict[str, Any] = {"impressions_completed": outcome.impressions_completed}
    if outcome.printer_job_id is not None:
        known["printer_job_id"] = outcome.printer_job_id
    match outcome.result:
        case Result.UNKNOWN:
            hold_uncertain(tx, changer, job)
            return
        case Result.PRINTED:
            event, reasons, says = JobEvent.PRINTED, ("job-completed-successfully",), words.PRINTED
        case Result.REFUSED:
            event, reasons, says = JobEvent.REFUSED, ("aborted-by-system",), outcome.says
        case Result.CANCELED_AT_PRINTER:
            event, reasons, says = JobEvent.CANCELED, ("job-canceled-at-device",), outcome.says
    done = changer.finish(tx, job, event, message=says, reasons=reasons, **known)
    if outcome.impressions_completed is not None:
        counted = tx.update_job(done, "counted")
        tx.enqueue(printer_count(counted, outcome.impressions_completed, changer.now()))
    if outcome.result is Result.PRINTED or outcome.impressions_completed:
        tx.enqueue(usage(done, changer.now()))
