"""The one place where a job changes: row, fact and callbacks together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge_agent.jobs import words
from edge_agent.jobs.model import SYSTEM, Actor, Document, Job
from edge_agent.jobs.transaction import Transaction
from edge_agent.spool.spool import Stored
from shared.job_states import Hold, JobEvent, JobState, hold_keywords, next_state
from shared.messages.events import JobChanged, JobReceived


@dataclass(frozen=True, slots=True)
class Changer:
    """Makes changes of jobs inside a transaction, and tells of them once they are durable."""

    now: Callable[[], datetime]
    tell: Callable[[Job], None]
    erase: Callable[[Sequence[Stored]], None]

    def change(
        self,
        tx: Transaction,
        job: Job,
        event: JobEvent | str,
        *,
        by: Actor = SYSTEM,
        detail: Mapping[str, Any] | None = None,
        first_byte_ms: int | None = None,
        **changes: Any,
    ) -> Job:
        """Change a job as seen; a ``JobEvent`` moves it along the state table.

        Raises:
            IllegalTransitionError: It cannot happen now, or somebody was faster.
        """
        if isinstance(event, JobEvent) and "state" not in changes:
            changes["state"] = next_state(job.state, event)
        if changes.get("state", job.state).is_final:
            changes.setdefault("completed_at", self.now())
            changes.setdefault("holds", frozenset())
        changed = tx.update_job(job, event, **changes)
        # Nobody upstream knows of a job whose documents are still coming.
        if Hold.INCOMING not in job.holds:
            tx.enqueue(self._fact(changed, event, by, detail or {}, first_byte_ms))
        tx.after_commit(lambda: self.tell(changed))
        return changed

    def finish(
        self, tx: Transaction, job: Job, event: JobEvent, *, by: Actor = SYSTEM, **changes: Any
    ) -> Job:
        """End a job; its documents are erased unless they are kept after printing."""
        done = self.change(tx, job, event, by=by, sending=False, **changes)
        if not (done.keep_after_printing and done.state is JobState.COMPLETED):
            self.erase_documents(tx, done)
        return done

    def erase_documents(self, tx: Transaction, job: Job) -> int:
        """Delete a job's documents; their bytes go once that is durable."""
        stored = tx.delete_documents(job)
        if stored:
            tx.after_commit(lambda: self.erase(stored))
        return len(stored)

    def receive(
        self, tx: Transaction, job: Job, documents: Sequence[Document], received_ms: int
    ) -> Job:
        """Tell of a job that is complete."""
        tx.enqueue(
            JobReceived(
                job_id=job.id,
                account_id=job.account_id,
                queue_id=job.queue_id,
                number=job.number,
                title=job.title,
                state=job.state,
                reasons=keywords(job),
                identity=job.identity,
                owner_id=job.owner_id,
                claimed_name=job.claimed_name,
                source=job.source,
                document_format=job.document_format,
                size_bytes=job.size_bytes,
                sha256=_digest(documents),
                received_ms=received_ms,
                kept_until=job.kept_until,
                at=job.created_at,
                home_epoch=job.home_epoch,
                revision=job.revision,
                ticket=job.ticket,
                message=words.remark_of(job.message),
            )
        )
        tx.after_commit(lambda: self.tell(job))
        return job

    def _fact(
        self,
        job: Job,
        event: JobEvent | str,
        by: Actor,
        detail: Mapping[str, Any],
        first_byte_ms: int | None,
    ) -> JobChanged:
        return JobChanged(
            job_id=job.id,
            account_id=job.account_id,
            event=event.value if isinstance(event, JobEvent) else event,
            state=job.state,
            reasons=keywords(job),
            at=self.now(),
            revision=job.revision,
            home_epoch=job.home_epoch,
            message=job.message,
            printer_id=job.printer_id,
            by=by.by,
            by_user_id=by.user_id,
            reader_id=by.reader_id,
            first_byte_ms=first_byte_ms,
            detail=detail,
        )


def keywords(job: Job) -> tuple[str, ...]:
    """Name everything that ``job-state-reasons`` should."""
    return (*hold_keywords(job.holds), *job.reasons)


def _digest(documents: Sequence[Document]) -> str:
    if len(documents) == 1:
        return documents[0].sha256
    return hashlib.sha256("".join(d.sha256 for d in documents).encode()).hexdigest()
