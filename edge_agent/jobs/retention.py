"""Erase: retention is running code.

Every few seconds: documents whose time is over are erased (a job that still waited is canceled
as expired), jobs that never got all their documents are aborted, day keys that nothing is sealed
for are destroyed and the WAL is cut, where wrapped keys linger otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from edge_agent.jobs import rows, words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.errors import JobStoreError, SpoolFullError
from edge_agent.jobs.incoming import Incoming
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction, select_jobs
from edge_agent.spool.spool import Spool
from shared.clock import Clock
from shared.ids import AccountId
from shared.job_states import Hold, JobEvent, JobState
from shared.messages.events import AccountForgotten

TICK_SECONDS: Final = 5.0
AT_ONCE: Final = 50  # jobs in one transaction: intake waits for no longer than that takes
FINAL_FOR: Final = timedelta(days=7)  # how long a final job can be looked up

log = logging.getLogger(__name__)


class Retention:
    """The clock that erases."""

    def __init__(
        self, store: JobStore, spool: Spool, clock: Clock, changer: Changer, incoming: Incoming
    ) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock
        self._changer = changer
        self._incoming = incoming
        self._wal_is_due = True  # what an earlier process left there
        self._destroying = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def tick(self) -> None:
        """Erase everything whose time is over."""
        for work in (self._expire, self._abort_incomplete, self._forget_final):
            done = AT_ONCE
            while done == AT_ONCE:
                done = await self._store.submit(work)
        await self.destroy_keys()
        self._store.refill_reserve()

    async def destroy_keys(self) -> None:
        """Destroy the day keys that nothing is sealed for, then cut the WAL."""
        async with self._destroying:
            destroyed = await self._spool.destroy_unused_keys()
            if destroyed:
                log.info("%d day keys were destroyed: nothing was sealed for them", len(destroyed))
            if destroyed or self._wal_is_due:
                self._wal_is_due = not await self._store.checkpoint()

    async def forget_account(self, account_id: AccountId) -> int:
        """Erase jobs, documents and keys of an account, and say so to the primary."""
        erased, some = 0, AT_ONCE
        while some == AT_ONCE:
            some, gone = await self._store.submit(lambda tx: self._forget_some(tx, account_id))
            erased += gone
        told = AccountForgotten(account_id, erased, self._clock.now())
        await self._store.submit(lambda tx: tx.enqueue(told))
        await self.destroy_keys()
        return erased

    def _forget_some(self, tx: Transaction, account_id: AccountId) -> tuple[int, int]:
        """Delete some jobs of an account; tells how many, and how many documents they had."""
        jobs = select_jobs(tx.connection, "account_id = ? LIMIT ?", (account_id, AT_ONCE))
        documents = sum(self._changer.erase_documents(tx, job) for job in jobs)
        for job in jobs:
            tx.connection.execute("DELETE FROM jobs WHERE number = ?", (job.number,))
        return len(jobs), documents

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
            except (JobStoreError, SpoolFullError, OSError) as error:
                log.warning("nothing was erased this time: %s", error)
            except Exception:
                log.exception("retention stumbled and goes on")
            await self._clock.sleep(TICK_SECONDS)

    def _expire(self, tx: Transaction) -> int:
        """Erase documents whose time is over; those being printed are left to their runner."""
        now = rows.to_milliseconds(self._clock.now())
        over = select_jobs(
            tx.connection,
            "number IN (SELECT job_number FROM documents WHERE kept_until <= ?)"
            " AND state NOT IN (5, 6) LIMIT ?",
            (now, AT_ONCE),
        )
        for job in over:
            if job.state.is_final:
                self._changer.erase_documents(tx, job)
            else:
                self._changer.finish(
                    tx,
                    job,
                    JobEvent.EXPIRED,
                    message=words.EXPIRED,
                    reasons=("job-canceled-by-system",),
                )
        return len(over)

    def _abort_incomplete(self, tx: Transaction) -> int:
        before = rows.to_milliseconds(self._incoming.silent_since())
        waiting = select_jobs(
            tx.connection,
            "last_document = 0 AND state < 7 AND created_at <= ?"
            " AND number NOT IN (SELECT value FROM json_each(?)) LIMIT ?",
            (before, self._incoming.still_heard(), AT_ONCE),
        )
        for job in waiting:
            if Hold.INCOMING in job.holds and job.state is JobState.PENDING_HELD:
                self._changer.finish(
                    tx,
                    job,
                    JobEvent.ABORTED,
                    message=words.INCOMPLETE,
                    reasons=("aborted-by-system",),
                )
        return len(waiting)

    def _forget_final(self, tx: Transaction) -> int:
        """Forget final jobs; never the newest, whose number must not be given again."""
        before = rows.to_milliseconds(self._clock.now() - FINAL_FOR)
        gone = tx.connection.execute(
            "DELETE FROM jobs WHERE number IN (SELECT number FROM jobs WHERE state >= 7"
            " AND completed_at <= ? AND number < (SELECT max(number) FROM jobs)"
            " AND NOT EXISTS (SELECT 1 FROM documents WHERE job_number = jobs.number) LIMIT ?)",
            (before, AT_ONCE),
        )
        return gone.rowcount
