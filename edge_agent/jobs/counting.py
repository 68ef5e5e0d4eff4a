"""Pages are counted in the background, one job at a time, after the job is safely on disk.

Counting yields to intake, and a job that is released comes first. What cannot be counted says so.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edge_agent.jobs import words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.errors import DocumentGoneError
from edge_agent.jobs.model import Document, Job
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction, find_job, list_documents
from edge_agent.spool.spool import Spool
from shared.clock import Clock
from shared.crypto.documents import DocumentDamagedError
from shared.ids import JobId
from shared.job_states import Hold
from shared.messages.events import JobCounted

MOST_EXPECTED: Final = 10_000  # the rest is counted when it is released
QUIET_SECONDS: Final = 0.3  # without a new job, before the background counts
COUNT_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class Count(Protocol):
    """What a page counter found; ``impressions`` None means: not counted, see ``note``."""

    @property
    def impressions(self) -> int | None: ...
    @property
    def color(self) -> int | None: ...
    @property
    def source(self) -> str: ...
    @property
    def confidence(self) -> str: ...
    @property
    def note(self) -> str: ...


class Counter(Protocol):
    """Counts the pages of one document; never raises for a bad document, says so in ``note``."""

    async def __call__(self, chunks: AsyncIterator[bytes], format: str, /) -> Count: ...  # noqa: A002


@dataclass(frozen=True, slots=True)
class Counted:
    """Pages of a whole job."""

    impressions: int | None
    color: int | None
    source: str = "document"
    confidence: str = "none"
    note: str = ""


class Counting:
    """The background task, and ``count_now`` for a job that is about to be printed."""

    def __init__(
        self,
        store: JobStore,
        spool: Spool,
        clock: Clock,
        changer: Changer,
        counter: Counter | None,
    ) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock
        self._changer = changer
        self._counter = counter
        self._waiting: deque[JobId] = deque()
        self._expected_at = 0.0
        self._more = asyncio.Event()
        self._running: dict[JobId, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._counter is None:
            return
        found = self._store.look(_uncounted)
        self._waiting.extend(found)
        if found:
            self._more.set()
        self._task = asyncio.create_task(self._run(), name="count pages")

    async def stop(self) -> None:
        tasks = [*self._running.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    def expect(self, job: Job) -> None:
        """Count this job when intake is quiet."""
        self._expected_at = self._clock.monotonic()
        if self._counter is not None and len(self._waiting) < MOST_EXPECTED:
            self._waiting.append(job.id)
            self._more.set()

    async def count_now(self, job_id: JobId, seconds: float) -> None:
        """Count a job before it is printed; counting never keeps a job from its printer."""
        if self._counter is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._count(job_id)
        except TimeoutError:
            log.warning("job %s is printed before its pages are counted", job_id)
        except Exception:
            log.exception("the pages of job %s could not be counted", job_id)

    def __len__(self) -> int:
        return len(self._waiting)

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            quiet = self._expected_at + QUIET_SECONDS - self._clock.monotonic()
            if quiet > 0:
                await self._clock.sleep(quiet)
                continue
            if not self._waiting:
                self._more.clear()
                continue
            job_id = self._waiting.popleft()
            try:
                await self._count(job_id)
            except Exception:
                log.exception("the pages of job %s are not counted yet", job_id)

    async def _count(self, job_id: JobId) -> None:
        """Count a job; whoever comes while it is being counted waits for the same result."""
        running = self._running.get(job_id)
        if running is None:
            running = asyncio.create_task(self._count_and_save(job_id), name=f"count {job_id}")
            self._running[job_id] = running
            running.add_done_callback(lambda _: self._running.pop(job_id, None))
        await asyncio.shield(running)

    async def _count_and_save(self, job_id: JobId) -> None:
        found = self._store.look(lambda c: _to_count(c, job_id))
        if found is not None:
            counted = await self._count_documents(found)
            await self._store.submit(lambda tx: self._save(tx, job_id, counted))

    async def _count_documents(self, documents: Sequence[Document]) -> Counted:
        total = Counted(0, 0, confidence="high")
        for document in documents:
            count = await self._count_document(document)
            if count.impressions is None:
                return Counted(None, None, count.source, "none", count.note or words.NOT_COUNTED)
            color = (
                None if total.color is None or count.color is None else total.color + count.color
            )
            total = Counted(
                (total.impressions or 0) + count.impressions,
                color,
                count.source,
                count.confidence if total.confidence == "high" else total.confidence,
                count.note or total.note,
            )
        return total

    async def _count_document(self, document: Document) -> Count:
        assert self._counter is not None
        d = document
        chunks = self._spool.open(d.account_id, d.job_id, d.number, d.location, d.recipients)
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                return await self._counter(chunks, document.format)
        except TimeoutError:
            return Counted(None, None, note=words.NOT_COUNTED)
        except (DocumentGoneError, DocumentDamagedError) as error:
            return Counted(None, None, note=str(error))
        finally:
            await chunks.aclose()

    def _save(self, tx: Transaction, job_id: JobId, counted: Counted) -> None:
        job = tx.find_job(job_id)
        if job is None or job.impressions_source is not None:
            return
        changed = tx.update_job(
            job,
            "counted",
            impressions=counted.impressions,
            impressions_source=counted.source,
            impressions_confidence=counted.confidence,
        )
        tx.enqueue(
            JobCounted(
                job_id=job.id,
                account_id=job.account_id,
                source=counted.source,
                confidence=counted.confidence,
                impressions=counted.impressions,
                at=self._changer.now(),
                revision=changed.revision,
                home_epoch=changed.home_epoch,
                color_impressions=counted.color,
                note=counted.note,
            )
        )
        tx.after_commit(lambda: self._changer.tell(changed))


def _uncounted(connection: sqlite3.Connection) -> list[JobId]:
    found = connection.execute(
        "SELECT id FROM jobs WHERE state < 7 AND impressions_source IS NULL"
        " ORDER BY number LIMIT ?",
        (MOST_EXPECTED,),
    )
    return [JobId(row[0]) for row in found]


def _to_count(connection: sqlite3.Connection, job_id: JobId) -> list[Document] | None:
    """List the documents of a job that is complete and not counted yet."""
    job = find_job(connection, job_id)
    if job is None or job.impressions_source is not None or Hold.INCOMING in job.holds:
        return None
    return list_documents(connection, job.number) or None
