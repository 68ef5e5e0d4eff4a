"""Takes pending jobs to their printers: one line of jobs, and one task, per printer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.jobs import words
from edge_agent.jobs.delivery import PRINTING, Delivery
from edge_agent.jobs.driver import Outcome, Page, PrinterDriver, PrinterUnavailableError, Result
from edge_agent.jobs.errors import (
    DocumentGoneError,
    IllegalTransitionError,
    JobNotFoundError,
    JobStoreError,
    SpoolFullError,
)
from edge_agent.jobs.line_order import LineOrder
from edge_agent.jobs.model import Job
from edge_agent.jobs.recovery import recover
from edge_agent.jobs.service import JobService
from shared.crypto.documents import DocumentDamagedError
from shared.ids import JobId, PrinterId
from shared.job_states import JobState
from shared.messages.records import PrinterRecord

Drivers = Callable[[PrinterRecord], PrinterDriver]
Printers = Callable[[PrinterId], PrinterRecord | None]
Fetch = Callable[[Job], Awaitable[Sequence[Page]]]

SHORTEST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 60.0
UNKNOWN_PRINTER_SECONDS: Final = 30.0
COUNT_SECONDS: Final = 5.0
ASK_SECONDS: Final = 120.0
ASK_TIMES: Final = 3
CANCEL_SECONDS: Final = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every line works with."""

    service: JobService
    drivers: Drivers
    printers: Printers
    fetch: Fetch


class Runner:
    """Runs the lines of all printers; ``take`` is how a job gets into one."""

    def __init__(
        self,
        service: JobService,
        drivers: Drivers,
        printers: Printers,
        *,
        fetch: Fetch | None = None,
        order_path: Path | None = None,
    ) -> None:
        self._tools = Tools(service, drivers, printers, fetch or self._pages)
        self._lines: dict[PrinterId, Line] = {}
        self._canceling: set[asyncio.Task[None]] = set()
        self._running = False
        self._order = LineOrder(order_path)
        service.listeners.on_canceled(self._on_canceled)
        service.listeners.on_reordered(self._on_reordered)

    async def start(self) -> None:
        """Recover: what was pending runs, what was being sent is asked for at its printer."""
        service = self._tools.service
        unsettled = await service.store.submit(lambda tx: recover(tx, service.changer))
        self._running = True
        # What was on its way goes first: its printer is asked.
        on_their_way = [job for job in unsettled if job.state in PRINTING]
        waiting = [job for job in unsettled if job.state not in PRINTING]
        for job in [*on_their_way, *self._order.sorted(waiting)]:
            assert job.printer_id is not None
            self.take(job.id, job.printer_id)

    async def stop(self) -> None:
        """End; a job in the middle of being sent is asked for at the next start."""
        self._running = False
        tasks = [line.task for line in self._lines.values()] + list(self._canceling)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=4)
        self._lines.clear()

    def take(self, job_id: JobId, printer_id: PrinterId) -> bool:
        """Put a job into its printer's line, or hurry it if it waits there; False when stopped."""
        if not self._running:
            return False
        line = self._lines.get(printer_id)
        if line is None:
            line = self._lines[printer_id] = Line(printer_id, self._tools)
        line.take(job_id)
        return True

    def figures(self) -> dict[str, int | str]:
        return {"lines": len(self._lines), "waiting": sum(map(len, self._lines.values()))}

    def _on_canceled(self, job: Job) -> None:
        line = self._lines.get(job.printer_id) if job.printer_id is not None else None
        if self._running and line is not None:
            task = asyncio.create_task(line.cancel(job), name=f"cancel job {job.number}")
            self._canceling.add(task)
            task.add_done_callback(self._canceling.discard)

    async def _on_reordered(self, job: Job, after: Job | None) -> None:
        line = self._lines.get(job.printer_id) if job.printer_id is not None else None
        if line is None or job.printer_id is None:
            return
        line.reorder(job.id, after.id if after is not None else None)
        await asyncio.to_thread(self._order.keep, job.printer_id, line.waiting())

    async def _pages(self, job: Job) -> Sequence[Page]:
        service = self._tools.service
        documents = await service.list_documents(job.id)
        return [Page(d, lambda d=d: service.open_document(d)) for d in documents]  # type: ignore[misc]


class Line:
    """The jobs that wait for one printer; held ones cost nothing, only released ones are here."""

    def __init__(self, printer_id: PrinterId, tools: Tools) -> None:
        self._printer_id = printer_id
        self._tools = tools
        self._service = tools.service
        self._waiting: dict[JobId, None] = {}  # in order
        self._hurry = asyncio.Event()
        self._failures = 0
        self._current: tuple[JobId, asyncio.Task[None]] | None = None
        self.task = asyncio.create_task(self._run(), name=f"printer {printer_id}")

    def take(self, job_id: JobId) -> None:
        if self._current is None or self._current[0] != job_id:
            self._waiting[job_id] = None
        self._hurry.set()

    def reorder(self, job_id: JobId, after: JobId | None) -> None:
        """Put a waiting job behind another one, or first."""
        if job_id not in self._waiting:
            return
        order = [waiting for waiting in self._waiting if waiting != job_id]
        place = order.index(after) + 1 if after in order else 0
        order.insert(place, job_id)
        self._waiting = dict.fromkeys(order)

    def waiting(self) -> Sequence[JobId]:
        """The jobs in the order in which they are printed."""
        return tuple(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    async def cancel(self, job: Job) -> None:
        """Stop sending, and ask the printer to stop printing."""
        if self._current is not None and self._current[0] == job.id:
            self._current[1].cancel()
        printer = self._tools.printers(self._printer_id)
        if printer is None:
            return
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._tools.drivers(printer).cancel(printer, job)
        except (OSError, TimeoutError, PrinterUnavailableError) as error:
            log.warning(
                "job %d is canceled, but its printer did not hear it: %s", job.number, error
            )

    async def _run(self) -> None:
        while True:
            await self._hurry.wait()
            self._hurry.clear()
            try:
                await self._serve()
            except Exception:
                log.exception("the line of printer %s stumbled and goes on", self._printer_id)
                await self._service.clock.sleep(SHORTEST_RETRY_SECONDS)
                self._hurry.set()

    async def _serve(self) -> None:
        while self._waiting:
            job_id = next(iter(self._waiting))
            del self._waiting[job_id]
            trouble = await self._attend(job_id)
            if trouble is not None:
                await self._wait(job_id, trouble)

    async def _attend(self, job_id: JobId) -> PrinterUnavailableError | None:
        """Run one job; gives the trouble for which it goes back into the line."""
        attempt = asyncio.create_task(self._attempt(job_id), name=f"deliver {job_id}")
        self._current = job_id, attempt
        try:
            await asyncio.wait([attempt])
        finally:
            attempt.cancel()
            self._current = None
        error = None if attempt.cancelled() else attempt.exception()
        if error is None:
            self._failures = 0
        if isinstance(error, PrinterUnavailableError):
            return error
        if error is None or isinstance(error, IllegalTransitionError | JobNotFoundError):
            return None  # done; or canceled, or moved to another printer meanwhile
        log.error("job %s could not be delivered", job_id, exc_info=error)
        return PrinterUnavailableError(words.OUTPUT_FAILED, LONGEST_RETRY_SECONDS)

    async def _wait(self, job_id: JobId, trouble: PrinterUnavailableError) -> None:
        """Wait for the printer with growing patience; a tap or a new job hurries."""
        self._waiting = {job_id: None, **self._waiting}
        self._failures += 1
        seconds = SHORTEST_RETRY_SECONDS * 2 ** min(self._failures, 7)
        seconds = min(max(trouble.retry_after_seconds, seconds), LONGEST_RETRY_SECONDS)
        await self._service.clock.sleep(SHORTEST_RETRY_SECONDS)
        self._hurry.clear()
        await self._tell_the_line(trouble.says, seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _tell_the_line(self, says: str, seconds: float) -> None:
        """Let every owner in the line read why their job waits."""
        for job_id in tuple(self._waiting):
            job = await self._service.find(job_id)
            if job is not None and job.state is JobState.PENDING and job.message != says:
                try:
                    await self._delivery(job).give_back(says, seconds)
                except (JobStoreError, SpoolFullError) as error:
                    log.warning("job %d does not say why it waits: %s", job.number, error)

    async def _attempt(self, job_id: JobId) -> None:
        job = await self._service.find(job_id)
        if job is None or job.printer_id != self._printer_id:
            return
        delivery = self._delivery(job)
        printer = self._tools.printers(self._printer_id)
        if job.state in PRINTING:
            await delivery.finish(await self._ask(printer, job))
        elif job.state is JobState.PENDING:
            await self._deliver(delivery, printer, job)

    def _delivery(self, job: Job) -> Delivery:
        return Delivery(self._service, job, self._printer_id)

    async def _deliver(self, delivery: Delivery, printer: PrinterRecord | None, job: Job) -> None:
        try:
            outcome = await self._send(delivery, printer, job)
        except PrinterUnavailableError as error:
            await delivery.give_back(error.says, error.retry_after_seconds)
            raise
        await delivery.finish(outcome)

    async def _send(self, delivery: Delivery, printer: PrinterRecord | None, job: Job) -> Outcome:
        if printer is None or not printer.enabled:
            raise PrinterUnavailableError(words.PRINTER_UNKNOWN, UNKNOWN_PRINTER_SECONDS)
        if job.impressions_source is None:
            await self._service.counting.count_now(job.id, COUNT_SECONDS)
            job = await self._service.get(job.id)
        try:
            pages = [delivery.guarded(page) for page in await self._tools.fetch(job)]
            driver = self._tools.drivers(printer)
            return await driver.deliver(printer, job, pages, delivery.on_progress)
        except (PrinterUnavailableError, IllegalTransitionError, JobNotFoundError):
            raise
        except (DocumentGoneError, DocumentDamagedError) as error:
            log.error("job %d cannot be printed: %s", job.number, error)  # noqa: TRY400
            result = Result.UNKNOWN if delivery.is_sending else Result.REFUSED
            return Outcome(result, words.DOCUMENT_DAMAGED)
        except (JobStoreError, SpoolFullError) as error:
            raise PrinterUnavailableError(words.OUTPUT_FAILED, UNKNOWN_PRINTER_SECONDS) from error
        except Exception as error:
            log.exception("the driver of printer %s failed with job %d", printer.name, job.number)
            if delivery.is_sending:
                return Outcome(Result.UNKNOWN, words.OUTPUT_FAILED)
            raise PrinterUnavailableError(words.OUTPUT_FAILED, UNKNOWN_PRINTER_SECONDS) from error

    async def _ask(self, printer: PrinterRecord | None, job: Job) -> Outcome:
        """After a crash in *sending*: ask the printer; nobody guesses."""
        for attempt in range(ASK_TIMES):
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    found = printer and await self._tools.drivers(printer).ask(printer, job)
                return found or Outcome(Result.UNKNOWN, "")
            except (PrinterUnavailableError, OSError, TimeoutError) as error:
                log.warning("printer %s cannot tell of job %d: %s", printer, job.number, error)
                await self._service.clock.sleep(2.0**attempt)
            except Exception:
                log.exception("the driver could not ask for job %d", job.number)
                break
        return Outcome(Result.UNKNOWN, "")
