"""The Storage service: answers for the jobs that wait here, and hands on what is released."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

from edge_agent.calls import CallFailedError, Calls
from edge_agent.jobs import words
from edge_agent.jobs.changes import keywords
from edge_agent.jobs.errors import (
    DocumentGoneError,
    IllegalTransitionError,
    JobNotFoundError,
    JobStoreError,
    SpoolFullError,
)
from edge_agent.jobs.model import Actor, Document, Job
from edge_agent.jobs.service import JobService
from edge_agent.service import Health
from shared.ids import JobId
from shared.job_states import JobState
from shared.messages.calls import (
    Deleted,
    DeleteJob,
    Deliver,
    DocumentHandle,
    FetchDocument,
    ListWaitingJobs,
    Released,
    ReleaseJobs,
    WaitingJob,
    WaitingJobs,
)

DELIVER_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 2.0
ANSWERED: Final = (ListWaitingJobs, ReleaseJobs, DeleteJob, FetchDocument)

log = logging.getLogger(__name__)


class StorageService:
    """Jobs and sealed documents of one gateway, as the other services see them."""

    name = "storage"

    def __init__(self, jobs: JobService, calls: Calls) -> None:
        self._jobs = jobs
        self._calls = calls
        self._handing_on: set[asyncio.Task[None]] = set()
        self._untaken: set[JobId] = set()
        self._again: asyncio.Task[None] | None = None
        jobs.listeners.on_pending(self._on_pending)

    async def start(self) -> None:
        self._calls.register(ListWaitingJobs, self._list_waiting)
        self._calls.register(ReleaseJobs, self._release)
        self._calls.register(DeleteJob, self._delete)
        self._calls.register(FetchDocument, self._fetch)
        self._untaken.update(job.id for job in await self._jobs.list_pending())
        self._again = asyncio.create_task(self._hand_on_again(), name="storage hands on")

    async def stop(self) -> None:
        for call in ANSWERED:
            self._calls.unregister(call)
        tasks = [*self._handing_on, *([self._again] if self._again else [])]
        self._again = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=4)

    def health(self) -> Health:
        figures = dict(self._jobs.figures())
        if not self._jobs.has_room():
            return Health(
                ok=False, says="The disk is nearly full: no new jobs are taken.", figures=figures
            )
        if self._untaken:
            says = f"{len(self._untaken)} released jobs wait for Document Output."
            return Health(ok=False, says=says, figures=figures)
        return Health(
            ok=True, says=f"{figures['active_jobs']} jobs are kept here.", figures=figures
        )

    async def open_document(self, handle: DocumentHandle) -> AsyncIterator[bytes]:
        """Read the document that ``FetchDocument`` answered with.

        Raises:
            DocumentGoneError: It was erased meanwhile.
        """
        document = await self._document(handle.job_id, handle.number)
        if document is None or document.id != handle.document_id:
            raise DocumentGoneError("the document is erased")
        async for chunk in self._jobs.open_document(document):
            yield chunk

    # --- answers ------------------------------------------------------------------------------

    async def _list_waiting(self, call: ListWaitingJobs) -> WaitingJobs:
        jobs = await self._jobs.list_waiting(call.account_id, call.owner_id, limit=call.limit)
        return WaitingJobs(tuple(map(_waiting_job, jobs)))

    async def _release(self, call: ReleaseJobs) -> Released:
        tapped_at = None
        if call.tap_age_ms is not None:
            tapped_at = self._jobs.clock.monotonic() - call.tap_age_ms / 1000
        actor = Actor(call.by, user_id=call.owner_id, reader_id=call.reader_id, tapped_at=tapped_at)
        return await self._jobs.release(
            call.account_id, call.owner_id, call.job_ids, call.printer_id, actor
        )

    async def _delete(self, call: DeleteJob) -> Deleted:
        job = await self._jobs.find(call.job_id)
        if job is None or (job.account_id, job.owner_id) != (call.account_id, call.owner_id):
            return Deleted(ok=False, says=words.NO_SUCH_JOB)
        try:
            await self._jobs.cancel(job.id, Actor(call.by, user_id=call.owner_id))
        except IllegalTransitionError:
            return Deleted(ok=False, says=words.IS_OVER)
        return Deleted(ok=True, says=words.CANCELED)

    async def _fetch(self, call: FetchDocument) -> DocumentHandle:
        job = await self._jobs.find(call.job_id)
        document = await self._document(call.job_id, call.number)
        if job is None or document is None or job.account_id != call.account_id:
            raise JobNotFoundError(call.job_id)
        return DocumentHandle(
            document.id,
            document.job_id,
            document.number,
            document.format,
            document.size_bytes,
            document.sha256,
        )

    async def _document(self, job_id: JobId, number: int) -> Document | None:
        try:
            documents = await self._jobs.list_documents(job_id)
        except JobNotFoundError:
            return None
        return next((document for document in documents if document.number == number), None)

    # --- handing on ---------------------------------------------------------------------------

    def _on_pending(self, job: Job) -> None:
        if self._again is None:
            return
        task = asyncio.create_task(self._hand_on(job), name=f"hand on job {job.number}")
        self._handing_on.add(task)
        task.add_done_callback(self._handing_on.discard)

    async def _hand_on(self, job: Job) -> None:
        """Ask Document Output to deliver; the runner recovers by itself what it once took."""
        assert job.printer_id is not None
        header = self._calls.header(DELIVER_SECONDS)
        try:
            taken = await self._calls.ask(Deliver(header, job.account_id, job.id, job.printer_id))
            if taken.ok:
                self._untaken.discard(job.id)
                return
        except CallFailedError as error:
            log.warning("job %d waits for Document Output: %s", job.number, error)
        self._untaken.add(job.id)
        try:
            await self._jobs.say_waiting(job.id, words.OUTPUT_AWAY)
        except (JobNotFoundError, JobStoreError, SpoolFullError) as error:
            log.warning("job %d does not say why it waits: %s", job.number, error)

    async def _hand_on_again(self) -> None:
        while True:
            await self._jobs.clock.sleep(AGAIN_SECONDS)
            for job_id in tuple(self._untaken):
                job = await self._jobs.find(job_id)
                if job is None or job.state is not JobState.PENDING:
                    self._untaken.discard(job_id)
                else:
                    await self._hand_on(job)


def _waiting_job(job: Job) -> WaitingJob:
    return WaitingJob(
        id=job.id,
        title=job.title,
        queue_id=job.queue_id,
        state=job.state,
        reasons=keywords(job),
        message=job.message,
        impressions=job.impressions,
        ticket=job.ticket,
        source_host=job.source.host or job.source.address,
        created_at=job.created_at,
        kept_until=job.kept_until,
        identity=job.identity,
    )
