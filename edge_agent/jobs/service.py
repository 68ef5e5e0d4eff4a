"""What can be done to a job: accept, hold, release, cancel, list.

Every change is committed together with the fact that reports it, before the method returns.
A change that lost a race raises ``IllegalTransitionError`` with the state that won.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from edge_agent.jobs import queries, words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.counting import Counter, Counting
from edge_agent.jobs.errors import DocumentGoneError, IllegalTransitionError, JobNotFoundError
from edge_agent.jobs.incoming import Incoming
from edge_agent.jobs.listeners import Listeners
from edge_agent.jobs.model import Actor, Document, Job, NewJob
from edge_agent.jobs.receiving import Body, HoldsNow, Judge, Receiver
from edge_agent.jobs.recovery import recover
from edge_agent.jobs.releasing import Release
from edge_agent.jobs.retention import Retention
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction, find_job, list_documents
from edge_agent.spool.spool import Spool
from shared.clock import Clock
from shared.ids import AccountId, JobId, PrinterId, QueueId, UserId
from shared.job_states import Hold, JobEvent, JobState
from shared.messages.calls import Released


class JobService:
    """The gateway's jobs. One per gateway; used from its event loop."""

    def __init__(
        self, store: JobStore, spool: Spool, clock: Clock, *, counter: Counter | None = None
    ) -> None:
        self.store = store
        self.spool = spool
        self.clock = clock
        self.listeners = Listeners()
        self.changer = Changer(clock.now, self._tell, spool.erase_soon)
        self.incoming = Incoming(clock)
        self._receiver = Receiver(store, spool, clock, self.changer, self.incoming)
        self.counting = Counting(store, spool, clock, self.changer, counter)
        self.retention = Retention(store, spool, clock, self.changer, self.incoming)
        self.tapped_at: dict[JobId, float] = {}  # until the first byte leaves

    async def start(self) -> None:
        """Open the store, collect orphans, begin retention and counting.

        Raises:
            JobStoreError: The database is of a newer release, or unreadable.
        """
        self.store.start()
        await self.store.submit(lambda tx: recover(tx, self.changer))
        self.retention.start()
        self.counting.start()

    async def stop(self) -> None:
        """End within five seconds; what is committed stays."""
        await self.counting.stop()
        await self.retention.stop()
        await self.store.stop()
        self.spool.close()

    # --- intake -------------------------------------------------------------------------------

    async def accept(
        self,
        new: NewJob,
        *,
        format: str,  # noqa: A002
        name: str,
        body: Body,
        began_at: float | None = None,
        judge: Judge | None = None,
        holds_now: HoldsNow | None = None,
    ) -> Job:
        """Take a job with its one document (Print-Job, LPD, raw); on disk when this returns.

        ``body`` is the document as it came, decompressed; an exception raised by it aborts the
        job and leaves nothing (that is how a caller reports a body shorter than promised).
        ``began_at`` is ``Clock.monotonic()`` of the request's first byte. ``judge`` is asked once
        the document is on disk: a sentence from it holds the job for the operator; ``holds_now``
        is asked then, too, for what the operator has set meanwhile. A job without holds is
        pending and goes to ``new.printer_id``.

        Raises:
            SpoolFullError: No room; answer 'server-error-temporary-error'.
            JobExistsError: ``new.id`` is a job already.
        """
        job = await self._receiver.accept(
            new, format=format, name=name, body=body,
            began_at=began_at, judge=judge, holds_now=holds_now,
        )  # fmt: skip
        self.counting.expect(job)
        return job

    async def create(self, new: NewJob) -> Job:
        """Begin a job whose documents follow (Create-Job); held ``job-incoming`` until then."""
        return await self._receiver.create(new)

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
        """Add a document to a created job (Send-Document); as ``accept`` does.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: The job takes no more documents.
            SpoolFullError: No room.
        """
        job = await self._receiver.add_document(
            job_id, format=format, name=name, body=body, last=last, judge=judge
        )
        if last:
            self.counting.expect(job)
        return job

    async def close(self, job_id: JobId) -> Job:
        """Say that no document follows (Close-Job, Send-Document with no data).

        A job that has no document is aborted.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: The job is complete already.
        """
        job = await self._receiver.close(job_id)
        if not job.state.is_final:
            self.counting.expect(job)
        return job

    def has_room(self) -> bool:
        """Whether another job can be taken; False: 'server-error-not-accepting-jobs'."""
        return self.spool.has_room()

    # --- looking ------------------------------------------------------------------------------

    async def find(self, which: JobId | int) -> Job | None:
        """Find a job by its id or its number (IPP ``job-id``)."""
        return self.store.look(lambda connection: find_job(connection, which))

    async def get(self, which: JobId | int) -> Job:
        """Get a job.

        Raises:
            JobNotFoundError: No such job.
        """
        job = await self.find(which)
        if job is None:
            raise JobNotFoundError(which)
        return job

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
        states: tuple[JobState, ...] = (),
    ) -> Sequence[Job]:
        """List an account's jobs.

        Not completed ones: oldest first, from number ``after`` + 1. ``completed=True``: final
        ones, newest first. ``completed=None``: all, oldest first. ``claimed_name`` with
        ``address`` lists what a claimed user may see: jobs claimed by that name from there.
        ``states`` leaves out all others.
        """
        wanted = queries.Wanted(
            account_id, queue_id, owner_id, claimed_name, address, completed, limit, after, states
        )
        return await self.store.read(lambda connection: queries.list_jobs(connection, wanted))

    async def count_active(self, queue_id: QueueId) -> int:
        """Count a queue's jobs that are not final (``queued-job-count``)."""
        return await self.store.read(lambda connection: queries.count_active(connection, queue_id))

    async def list_waiting(
        self, account_id: AccountId, owner_id: UserId, *, limit: int = 100
    ) -> Sequence[Job]:
        """List what a person has waiting, oldest first.

        Held jobs, and released ones whose printer has not finished them; ``message`` says why.
        """
        return await self.store.read(
            lambda connection: queries.list_waiting(connection, account_id, owner_id, limit)
        )

    async def list_pending(self) -> Sequence[Job]:
        """List the released jobs that no printer has taken yet, oldest first."""
        return await self.store.read(queries.list_pending)

    async def list_documents(self, job_id: JobId) -> Sequence[Document]:
        """List a job's documents in order; empty once they are erased."""
        job = await self.get(job_id)
        return self.store.look(lambda connection: list_documents(connection, job.number))

    def open_document(self, document: Document) -> AsyncIterator[bytes]:
        """Read a document; every chunk is verified before it is given out.

        Raises (while it is read):
            DocumentGoneError: It was erased.
            DocumentDamagedError: It is not what was stored (shared.crypto.documents).
        """
        d = document
        return self.spool.open(d.account_id, d.job_id, d.number, d.location, d.recipients)

    def figures(self) -> Mapping[str, int | str]:
        """Tell counts for the health page."""
        return {
            **self.store.look(queries.figures),
            "free_bytes": self.spool.free_bytes(),
            "segments": len(self.spool.segments),
            "day_keys": len(self.spool.keys),
            "to_count": len(self.counting),
        }

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
        wanted = Release(account_id, owner_id, tuple(job_ids), printer_id, actor)
        if actor.tapped_at is not None:
            # Known before the commit is: the runner may be faster than this coroutine.
            note = self._note_tap(actor.tapped_at)
            return await self.store.submit(lambda tx: wanted.run(tx, self.changer, note))
        return await self.store.submit(lambda tx: wanted.run(tx, self.changer))

    async def release_sender_hold(self, job_id: JobId, actor: Actor) -> Job:
        """Lift the hold that the sender set (IPP Release-Job); other holds stay.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: The sender holds it not.
        """

        def work(tx: Transaction) -> Job:
            job = tx.get_job(job_id)
            if Hold.SENDER not in job.holds:
                raise IllegalTransitionError(job.state, JobEvent.RELEASED)
            return self._lift_senders(tx, job, actor)

        return await self.store.submit(work)

    async def hold(self, job_id: JobId, actor: Actor) -> Job:
        """Set the sender's hold (IPP Hold-Job) before anything is sent.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: It is being printed, or final.
        """

        def work(tx: Transaction) -> Job:
            job = tx.get_job(job_id)
            holds = job.holds | {Hold.SENDER}
            says = words.with_remark(holds, words.remark_of(job.message))
            return self.changer.change(tx, job, JobEvent.HELD, by=actor, holds=holds, message=says)

        return await self.store.submit(work)

    async def cancel(self, job_id: JobId, actor: Actor) -> Job:
        """Cancel a job and erase its documents; a printing one is canceled at the printer too.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: It is final; answer 'client-error-not-possible'.
        """

        def work(tx: Transaction) -> Job:
            job = tx.get_job(job_id)
            done = self.changer.finish(
                tx,
                job,
                JobEvent.CANCELED,
                by=actor,
                message=words.CANCELED,
                reasons=("job-canceled-by-user",),
            )
            if job.state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED):
                tx.after_commit(lambda: self.listeners.tell_canceled(done))
            return done

        return await self.store.submit(work)

    async def restart(self, job_id: JobId, actor: Actor) -> Job:
        """Print a final job again (IPP Restart-Job), where its documents are still kept.

        Raises:
            JobNotFoundError: No such job.
            IllegalTransitionError: It is not final.
            DocumentGoneError: Its documents are erased.
        """

        def work(tx: Transaction) -> Job:
            job = tx.get_job(job_id)
            if job.printer_id is None:
                raise IllegalTransitionError(job.state, JobEvent.RESTARTED)
            if job.state.is_final and not tx.list_documents(job):
                raise DocumentGoneError("its documents are erased")
            return self.changer.change(
                tx,
                job,
                JobEvent.RESTARTED,
                by=actor,
                message=words.PENDING,
                reasons=(),
                completed_at=None,
                processing_at=None,
                printer_job_id=None,
                impressions_completed=None,
            )

        return await self.store.submit(work)

    async def adopt(self, job_id: JobId, owner_id: UserId, actor: Actor) -> Job:
        """Give a job of an unknown user to a person; lifts the quarantine hold."""

        def work(tx: Transaction) -> Job:
            job = tx.get_job(job_id)
            if Hold.QUARANTINE not in job.holds:
                raise IllegalTransitionError(job.state, JobEvent.RELEASED)
            holds = (job.holds - {Hold.QUARANTINE}) | {Hold.OWNER}
            return self.changer.change(
                tx,
                job,
                JobEvent.HELD,
                by=actor,
                holds=holds,
                owner_id=owner_id,
                message=words.of_holds(holds),
                detail={"owner_id": owner_id},  # else the primary would not hear whose it is
            )

        return await self.store.submit(work)

    async def say_waiting(self, job_id: JobId, says: str) -> None:
        """Let the owner of a released job read why it still waits."""

        def work(tx: Transaction) -> None:
            job = tx.get_job(job_id)
            if job.state is JobState.PENDING and job.message != says:
                self.changer.change(tx, job, "waiting", message=says)

        await self.store.submit(work)

    async def forget_account(self, account_id: AccountId) -> int:
        """Erase jobs, documents and keys of an account; returns how many documents there were."""
        return await self.retention.forget_account(account_id)

    async def reorder(self, job: Job, *, after: Job | None) -> None:
        """Let a pending job come after another one in its printer's line; None: next.

        The order is on disk when this returns.
        """
        await self.listeners.tell_reordered(job, after)

    def _lift_senders(self, tx: Transaction, job: Job, actor: Actor) -> Job:
        holds, remark = job.holds - {Hold.SENDER}, words.remark_of(job.message)
        event = JobEvent.HELD if holds else JobEvent.RELEASED
        says = words.with_remark(holds, remark)
        if holds == {Hold.OWNER}:
            says = " ".join(filter(None, (words.SENDER_HOLD_LIFTED, remark)))
        return self.changer.change(tx, job, event, by=actor, holds=holds, message=says)

    def _note_tap(self, tapped_at: float) -> Callable[[Job], None]:
        def note(job: Job) -> None:
            self.tapped_at[job.id] = tapped_at

        return note

    def _tell(self, job: Job) -> None:
        self.listeners.tell_changed(job)
        if job.state.is_final:
            self.tapped_at.pop(job.id, None)
