"""What can be done to a job: accept, hold, release, cancel, list.

Every change is committed together with the fact that reports it, before the method returns.
A change that lost a race raises ``IllegalTransitionError`` with the state that won.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from edge_agent.jobs.model import Actor, Document, Job, NewJob
from shared.ids import AccountId, JobId, PrinterId, QueueId, UserId
from shared.messages.calls import Released

Body = bytes | AsyncIterator[bytes]


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


class JobService:
    """The gateway's jobs. One per gateway; used from its event loop."""

    async def start(self) -> None:
        """Open the store, collect orphans, begin retention and counting."""
        raise RuntimeError

    async def stop(self) -> None:
        """End within five seconds; what is committed stays."""
        raise RuntimeError

    # --- intake -------------------------------------------------------------------------------

    async def accept(
        self,
        new: NewJob,
        *,
        format: str,  # noqa: A002
        name: str,
        body: Body,
        began_at: float | None = None,
    ) -> Job:
        """Take a job with its one document (Print-Job, LPD, raw); on disk when this returns.

        ``body`` is the document as it came, decompressed; an exception raised by it aborts the
        job and leaves nothing (that is how a caller reports a body shorter than promised).
        ``began_at`` is ``Clock.monotonic()`` of the request's first byte. A job without holds is
        pending and goes to ``new.printer_id``.

        Raises:
            SpoolFullError: No room; answer 'server-error-temporary-error'.
        """
        raise RuntimeError

    async def create(self, new: NewJob) -> Job:
        """Begin a job whose documents follow (Create-Job); held ``job-incoming`` until then."""
        raise RuntimeError

    async def add_document(
        self,
        job_id: JobId,
        *,
        format: str,  # noqa: A002
        name: str,
        body: Body,
        last: bool,
    ) -> Job:
        """Add a document to a created job (Send-Document); as ``accept`` does.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: The job takes no more documents.
            SpoolFullError: No room.
        """
        raise RuntimeError

    async def close(self, job_id: JobId) -> Job:
        """Say that no document follows (Close-Job, Send-Document with no data).

        A job that has no document is aborted.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: The job is complete already.
        """
        raise RuntimeError

    def has_room(self) -> bool:
        """Whether another job can be taken; False: 'server-error-not-accepting-jobs'."""
        raise RuntimeError

    # --- looking ------------------------------------------------------------------------------

    async def find(self, which: JobId | int) -> Job | None:
        """Find a job by its id or its number (IPP ``job-id``)."""
        raise RuntimeError

    async def get(self, which: JobId | int) -> Job:
        """Get a job.

        Raises:
            JobNotFoundError: No such job.
        """
        raise RuntimeError

    async def list_jobs(
        self,
        account_id: AccountId,
        *,
        queue_id: QueueId | None = None,
        owner_id: UserId | None = None,
        claimed_name: str | None = None,
        address: str | None = None,
        completed: bool | None = False,
        limit: int = 100,
        after: int = 0,
    ) -> Sequence[Job]:
        """List an account's jobs.

        Not completed ones: oldest first, from number ``after`` + 1. ``completed=True``: final
        ones, newest first. ``completed=None``: all, oldest first. ``claimed_name`` with
        ``address`` lists what a claimed user may see: jobs claimed by that name from there.
        """
        raise RuntimeError

    async def count_active(self, queue_id: QueueId) -> int:
        """Count a queue's jobs that are not final (``queued-job-count``)."""
        raise RuntimeError

    async def list_waiting(
        self, account_id: AccountId, owner_id: UserId, *, limit: int = 100
    ) -> Sequence[Job]:
        """List what a person has waiting, oldest first: held ones, and released ones whose
        printer has not taken them (their ``message`` says why).
        """
        raise RuntimeError

    async def list_documents(self, job_id: JobId) -> Sequence[Document]:
        """List a job's documents in order; empty once they are erased."""
        raise RuntimeError

    def open_document(self, document: Document) -> AsyncIterator[bytes]:
        """Read a document; every chunk is verified before it is given out.

        Raises (while it is read):
            DocumentGoneError: It was erased.
            DocumentDamagedError: It is not what was stored (shared.crypto.documents).
        """
        raise RuntimeError

    # --- changing -----------------------------------------------------------------------------

    async def release(
        self,
        account_id: AccountId,
        owner_id: UserId,
        job_ids: Sequence[JobId],
        printer_id: PrinterId,
        actor: Actor,
    ) -> Released:
        """Let a person's jobs go to a printer; empty ``job_ids`` means all that wait.

        Lifts the owner's and the sender's holds (who stands at the printer wants paper). Each
        job is released at most once; what could not be released is in ``refused`` with a
        sentence. Somebody else's job is refused as one that does not exist.
        """
        raise RuntimeError

    async def release_sender_hold(self, job_id: JobId, actor: Actor) -> Job:
        """Lift the hold that the sender set (IPP Release-Job); other holds stay.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: The sender holds it not.
        """
        raise RuntimeError

    async def hold(self, job_id: JobId, actor: Actor) -> Job:
        """Set the sender's hold (IPP Hold-Job) before anything is sent.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: It is being printed, or final.
        """
        raise RuntimeError

    async def cancel(self, job_id: JobId, actor: Actor) -> Job:
        """Cancel a job and erase its documents; a printing one is canceled at the printer too.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: It is final; answer 'client-error-not-possible'.
        """
        raise RuntimeError

    async def restart(self, job_id: JobId, actor: Actor) -> Job:
        """Print a final job again (IPP Restart-Job), where its documents are still kept.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: It is not final.
            DocumentGoneError: Its documents are erased.
        """
        raise RuntimeError

    async def adopt(self, job_id: JobId, owner_id: UserId, actor: Actor) -> Job:
        """Give a job of an unknown user to a person; lifts the quarantine hold."""
        raise RuntimeError

    async def forget_account(self, account_id: AccountId) -> int:
        """Erase jobs, documents and keys of an account; returns how many documents there were."""
        raise RuntimeError

    # --- told to others -----------------------------------------------------------------------

    def on_pending(self, callback: Callable[[Job], None]) -> None:
        """Call back when a job has become pending with a printer; on the event loop."""
        raise RuntimeError

    def on_changed(self, callback: Callable[[Job], None]) -> None:
        """Call back after every committed change of a job (for terminals); on the event loop."""
        raise RuntimeError

    def figures(self) -> Mapping[str, int | str]:
        """Tell counts for the health page."""
        raise RuntimeError

    def now(self) -> datetime:
        raise RuntimeError
