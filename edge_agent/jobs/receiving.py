"""How a job comes in: its documents on disk, then its row and its fact, then the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from edge_agent.jobs import words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.errors import IllegalTransitionError, JobExistsError
from edge_agent.jobs.incoming import Incoming
from edge_agent.jobs.model import Document, Job, NewJob
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction, find_job
from edge_agent.spool.receiving import Sealed
from edge_agent.spool.spool import Spool
from shared.clock import Clock
from shared.ids import DocumentId, JobId, new_id
from shared.job_states import Hold, JobEvent, JobState

Body = bytes | AsyncIterator[bytes]

# Asked when the document is on disk: why the operator must look at the job first, or nothing.
Judge = Callable[[], str]
# Asked then, too: what the operator has set since the document began to come.
HoldsNow = Callable[[], frozenset[Hold]]


class Receiver:
    """Takes jobs in; the intake side of ``JobService``."""

    def __init__(
        self, store: JobStore, spool: Spool, clock: Clock, changer: Changer, incoming: Incoming
    ) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock
        self._changer = changer
        self._incoming = incoming

    async def accept(
        self,
        new: NewJob,
        *,
        format: str,  # noqa: A002
        name: str,
        body: Body,
        began_at: float | None,
        judge: Judge | None = None,
        holds_now: HoldsNow | None = None,
    ) -> Job:
        began = self._clock.monotonic() if began_at is None else began_at
        job_id, document_id = new.id or JobId(new_id()), DocumentId(new_id())
        sealed = await self._spool.receive(new.account_id, job_id, document_id, 1, body)
        if holds_now is not None:
            new = replace(new, holds=new.holds | holds_now())
        if judge is not None and (remark := judge()):
            says = " ".join(filter(None, (new.message, remark)))
            new = replace(new, holds=new.holds | {Hold.NEW}, message=says)
        job = self._new_job(new, job_id, new.holds, format=format, size_bytes=sealed.size_bytes)
        received_ms = int((self._clock.monotonic() - began) * 1000)

        def work(tx: Transaction) -> Job:
            if new.id is not None and find_job(tx.connection, job_id) is not None:
                raise JobExistsError(job_id)
            tx.insert_job(job)
            document = _document(sealed, format, name)
            tx.insert_document(job, document)
            return self._changer.receive(tx, job, [document], received_ms)

        return await self._store.submit(work, [sealed])

    async def create(self, new: NewJob) -> Job:
        holds = new.holds | {Hold.INCOMING}
        job = self._new_job(new, JobId(new_id()), holds, last_document=False)
        await self._store.submit(lambda tx: tx.insert_job(job))
        self._incoming.hear(job.number)
        return job

    async def add_document(
        self,
        job_id: JobId,
        *,
        format: str,  # noqa: A002
        name: str,
        body: Body,
        last: bool,
        judge: Judge | None = None,
    ) -> Job:
        began = self._clock.monotonic()
        job, number = await self._store.submit(lambda tx: _expecting(tx, job_id))
        with self._incoming.receiving(job.number):
            sealed = await self._spool.receive(
                job.account_id, job_id, DocumentId(new_id()), number, body
            )
        remark = judge() if judge is not None else ""

        def work(tx: Transaction) -> Job:
            seen, still = _expecting(tx, job_id)
            if still != number:  # two at a time: the other one was faster
                raise IllegalTransitionError(seen.state, JobEvent.HELD)
            tx.insert_document(seen, _document(sealed, format, name))
            now = self._changer.change(
                tx,
                seen,
                JobEvent.HELD,
                size_bytes=seen.size_bytes + sealed.size_bytes,
                document_format=seen.document_format or format,
                **_looked_at(seen, remark),
            )
            return self._complete(tx, now, began) if last else now

        return await self._store.submit(work, [sealed])

    async def close(self, job_id: JobId) -> Job:
        began = self._clock.monotonic()

        def work(tx: Transaction) -> Job:
            job, number = _expecting(tx, job_id)
            if number == 1:
                return self._changer.finish(
                    tx,
                    job,
                    JobEvent.ABORTED,
                    message=words.NO_DOCUMENT,
                    reasons=("aborted-by-system",),
                )
            return self._complete(tx, job, began)

        return await self._store.submit(work)

    def _complete(self, tx: Transaction, job: Job, began: float) -> Job:
        """Lift the incoming hold; the job is told of as if it had come in one piece."""
        holds = job.holds - {Hold.INCOMING}
        event = JobEvent.HELD if holds else JobEvent.RELEASED
        now = self._changer.change(
            tx,
            job,
            event,
            holds=holds,
            message=words.with_remark(holds, words.remark_of(job.message)),
            last_document=True,
        )
        received_ms = int((self._clock.monotonic() - began) * 1000)
        return self._changer.receive(tx, now, tx.list_documents(now), received_ms)

    def _new_job(
        self,
        new: NewJob,
        job_id: JobId,
        holds: frozenset[Hold],
        *,
        format: str = "",  # noqa: A002
        size_bytes: int = 0,
        last_document: bool = True,
    ) -> Job:
        now = self._clock.now()
        return Job(
            id=job_id,
            number=self._store.take_number(),
            account_id=new.account_id,
            queue_id=new.queue_id,
            title=new.title,
            state=JobState.PENDING_HELD if holds else JobState.PENDING,
            holds=holds,
            message=words.with_remark(holds, new.message),
            reasons=(),
            identity=new.identity,
            owner_id=new.owner_id,
            claimed_name=new.claimed_name,
            source=new.source,
            document_format=format,
            size_bytes=size_bytes,
            ticket=new.ticket,
            ticket_ipp=new.ticket_ipp,
            language=new.language,
            created_at=now,
            kept_until=now + timedelta(seconds=new.retention_seconds),
            revision=1,
            home_epoch=self._store.home_epoch,
            printer_id=new.printer_id,
            keep_after_printing=new.keep_after_printing,
            last_document=last_document,
        )


def _expecting(tx: Transaction, job_id: JobId) -> tuple[Job, int]:
    """Get a job that still takes documents, and the number of its next one."""
    job = tx.get_job(job_id)
    if Hold.INCOMING not in job.holds:
        raise IllegalTransitionError(job.state, JobEvent.HELD)
    documents: Sequence[Document] = tx.list_documents(job)
    # One that was left out keeps its number as long as a later one is there.
    return job, documents[-1].number + 1 if documents else 1


def _looked_at(job: Job, remark: str) -> dict[str, Any]:
    """Let the operator look at a job first, and say why; nothing without a remark."""
    if not remark:
        return {}
    holds = job.holds | {Hold.NEW}
    return {
        "holds": holds,
        "message": words.with_remark(holds, words.remark_of(job.message), remark),
    }


def _document(sealed: Sealed, format: str, name: str) -> Document:  # noqa: A002
    return Document(
        id=sealed.document_id,
        job_id=sealed.job_id,
        number=sealed.number,
        format=format,
        name=name,
        size_bytes=sealed.size_bytes,
        sha256=sealed.sha256,
        compression="none",
        location=sealed.location,
        account_id=sealed.account_id,
        recipients=(sealed.recipient,),
    )
