"""The Document Output service: takes released jobs to their printers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from edge_agent.calls import CallFailedError, Calls
from edge_agent.jobs import words
from edge_agent.jobs.driver import Page, PrinterUnavailableError
from edge_agent.jobs.model import Job
from edge_agent.jobs.runner import Drivers, Printers, Runner
from edge_agent.jobs.service import JobService
from edge_agent.service import Health
from shared.messages.calls import Deliver, DeliveryTaken, DocumentHandle, FetchDocument

FETCH_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 5.0


class OutputService:
    """Runs the printers' lines; fetches documents from Storage as it sends."""

    name = "document-output"

    def __init__(
        self,
        jobs: JobService,
        calls: Calls,
        drivers: Drivers,
        printers: Printers,
        open_document: Callable[[DocumentHandle], AsyncIterator[bytes]],
        *,
        order_path: Path | None = None,
    ) -> None:
        self._jobs = jobs
        self._calls = calls
        self._open_document = open_document
        self.runner = Runner(jobs, drivers, printers, fetch=self._fetch, order_path=order_path)

    async def start(self) -> None:
        self._calls.register(Deliver, self._deliver)
        await self.runner.start()

    async def stop(self) -> None:
        self._calls.unregister(Deliver)
        await self.runner.stop()

    def health(self) -> Health:
        figures = self.runner.figures()
        return Health(
            ok=True, says=f"{figures['waiting']} jobs wait for their printer.", figures=figures
        )

    async def _deliver(self, call: Deliver) -> DeliveryTaken:
        if self.runner.take(call.job_id, call.printer_id):
            return DeliveryTaken(ok=True)
        return DeliveryTaken(ok=False, says=words.OUTPUT_AWAY)

    async def _fetch(self, job: Job) -> Sequence[Page]:
        pages = []
        for document in await self._jobs.list_documents(job.id):
            header = self._calls.header(FETCH_SECONDS)
            call = FetchDocument(header, job.account_id, job.id, document.number)
            try:
                handle = await self._calls.ask(call)
            except CallFailedError as error:
                raise PrinterUnavailableError(words.STORAGE_AWAY, RETRY_SECONDS) from error
            pages.append(Page(document, partial(self._open_document, handle)))
        return pages
