"""The job store: one transaction at a time, many clients, one fsync for all who wait.

A client hands in a *work*: a function of the transaction. While a commit is on its way to disk,
works gather; then all of them go into the next transaction, each between savepoints (one that
raises is rolled back alone), and are answered together when it is durable::

    event loop          append documents -> works (microseconds each)
    syncing thread         fdatasync(segment), beside the works
    committing thread          then COMMIT (WAL, synchronous=FULL)
    event loop          answers -> what has gathered meanwhile
    checkpoint thread      brings the WAL into the database, beside all that

The works run on the event loop on purpose: two busy threads would spend their time handing the
interpreter's lock to each other. Only waiting for the disk is the threads'. One thread that syncs
and then commits is woken once in place of twice, and is faster in memory; on a disk it is slower
by a third, for the sync no longer runs beside the works.

A disk that is full refuses works that bring documents; the others get the reserved space, so that
release and sign-in go on. Any other failure of the disk ends the process (spool/durable.py).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from edge_agent.jobs import schema
from edge_agent.jobs.checkpoints import Checkpoints
from edge_agent.jobs.errors import JobStoreError, SpoolFullError
from edge_agent.jobs.reserve import Reserve
from edge_agent.jobs.rush import Rush
from edge_agent.jobs.transaction import Transaction
from edge_agent.jobs.worker import Handed, Worker
from edge_agent.spool.durable import Fatal, end_process
from edge_agent.spool.receiving import Sealed
from edge_agent.spool.spool import Spool, Stored

T = TypeVar("T")
Work = Callable[[Transaction], T]

MOST_WORKS: Final = 256  # in one commit
MOST_WAITING: Final = 4096

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Submission:
    """A work, its documents, and who waits for the answer."""

    work: Callable[[Any], Any]
    sealed: Sequence[Sealed]
    future: asyncio.Future[Any]
    alone: bool = False  # gets the bare connection, outside a transaction
    result: Any = None
    error: BaseException | None = None
    callbacks: list[Callable[[], None]] = field(default_factory=list)


class JobStore:
    """``<state>/jobs.db`` and the segment of small documents; used from one event loop."""

    def __init__(
        self,
        state: Path,
        spool: Spool,
        *,
        reserve_bytes: int = 32 * 1024 * 1024,
        fatal: Fatal = end_process,
    ) -> None:
        self.path = state / "jobs.db"
        self.rush = Rush()
        self.home_epoch = 1  # what new jobs count from; the newest job is never forgotten
        self._spool = spool
        self._fatal = fatal
        self._reserve = Reserve(state / "reserve", reserve_bytes)
        self._gathered: deque[_Submission] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._thread = Worker("jobs-commit")
        self._syncing = Worker("jobs-sync")
        self._checkpoints = Checkpoints(self.path, fatal)
        self._slots = asyncio.Semaphore(MOST_WAITING)
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="jobs-reader")
        self._fact_listeners: list[Callable[[], None]] = []
        self._stopped = True

    def start(self) -> None:
        """Open the database and begin to commit; what no job speaks of is erased.

        Raises:
            JobStoreError: The database is of a newer release, or unreadable.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._connection = schema.open_for_writing(self.path)
        self._connection.execute("PRAGMA wal_autocheckpoint = 0").fetchone()
        self._connection.execute("PRAGMA busy_timeout = 0").fetchone()
        self._near_reader = schema.open_for_reading(self.path)
        self._far_reader = schema.open_for_reading(self.path)
        kept = self._connection.execute("SELECT location, key_id FROM documents")
        orphans = self._spool.recover(Stored(*row) for row in kept)
        if orphans:
            log.info("%d files that belong to no job were erased", orphans)
        newest = self._connection.execute("SELECT max(number), max(home_epoch) FROM jobs")
        number, home_epoch = newest.fetchone()
        self._last_number, self.home_epoch = number or 0, home_epoch or 1
        self._reserve.fill()
        self._loop = asyncio.get_running_loop()
        self._stopped = False

    async def stop(self) -> None:
        """Commit what waits, then close."""
        if self._stopped:
            return
        self._stopped = True
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self._checkpoints.stop()
        self._thread.stop()
        self._syncing.stop()
        self._readers.shutdown(wait=True)
        for connection in (self._near_reader, self._far_reader, self._connection):
            connection.close()

    async def submit(self, work: Work[T], sealed: Sequence[Sealed] = ()) -> T:
        """Run a work in a transaction; durable when this returns.

        The documents are the store's from here on: placed before the work runs (their
        ``location`` is set), erased when it fails. Whoever stops waiting does not undo it.

        Raises:
            SpoolFullError: The disk is full.
            JobStoreError: The store is stopped, or somebody else locks the database.
        """
        return cast(T, await self._submit(work, sealed, alone=False))

    def take_number(self) -> int:
        """Give the next job number; one that is taken and not used leaves a gap."""
        self._last_number += 1
        return self._last_number

    async def checkpoint(self) -> bool:
        """Bring the WAL into the database and cut it to nothing; False when a reader hinders."""
        busy, _, _ = await self._submit(_truncate_wal, (), alone=True)
        return not busy

    def look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query that takes microseconds, here and now."""
        return query(self._near_reader)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query in the readers' thread."""
        run = self._loop.run_in_executor
        return await run(self._readers, query, self._far_reader)

    def on_facts(self, callback: Callable[[], None]) -> None:
        """Call back on the event loop after a commit that queued facts for the primary."""
        self._fact_listeners.append(callback)

    def refill_reserve(self) -> None:
        """Take the reserved space again once there is room."""
        if self._spool.has_room():
            self._reserve.fill()

    async def _submit(
        self, work: Callable[[Any], Any], sealed: Sequence[Sealed], *, alone: bool
    ) -> Any:
        try:
            if self._slots.locked():
                log.warning("%d works wait for the disk", MOST_WAITING)
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._discard(sealed)
            raise
        try:
            if self._stopped:
                self._discard(sealed)
                raise JobStoreError("the job store is stopped")
            submission = _Submission(work, sealed, self._loop.create_future(), alone)
            self._gathered.append(submission)
            if self._committing is None:
                self._committing = asyncio.create_task(self._run(), name="commit jobs")
            return await submission.future
        finally:
            self._slots.release()

    # --- one batch after the other --------------------------------------------------------------

    async def _run(self) -> None:
        """Commit until nothing waits; the only place where a transaction is open."""
        try:
            while self._gathered:
                batch = self._next_batch()
                facts = await self._commit(batch)
                self._settle(batch, facts)
                if self._checkpoints.is_due(len(batch)):
                    await self._in_thread(partial(self._checkpoints.take, self._connection))
        except Exception as error:  # noqa: BLE001  a defect here must not leave clients waiting
            self._fatal("committing jobs", error)
        finally:
            self._committing = None

    def _next_batch(self) -> list[_Submission]:
        if self._gathered[0].alone:
            return [self._gathered.popleft()]
        batch: list[_Submission] = []
        while self._gathered and not self._gathered[0].alone and len(batch) < MOST_WORKS:
            batch.append(self._gathered.popleft())
        return batch

    async def _commit(self, batch: Sequence[_Submission]) -> int:
        """Commit what can be; every submission has its result or its error afterwards."""
        if batch[0].alone:
            await self._checkpoints.wait()
            await self._in_thread(partial(self._run_alone, batch[0]))
            return 0
        self._place(batch)
        self.rush.note([sealed.size_bytes for item in batch for sealed in item.sealed])
        try:
            return await self._transact(batch)
        except sqlite3.Error as error:
            self._roll_back()
            if schema.is_full(error):
                return await self._commit_in_reserve(batch)
            self._give_up(batch, error)
            return 0

    def _place(self, works: Sequence[_Submission]) -> None:
        """Append small documents to the segment."""
        waiting = [sealed for item in works for sealed in item.sealed if sealed.bytes_for_segment]
        if not waiting:
            return
        try:
            locations = self._spool.segments.append([s.bytes_for_segment for s in waiting])
        except OSError as error:
            log.warning("no document could be stored: %s", error)
            for item in works:
                if any(sealed.bytes_for_segment for sealed in item.sealed):
                    item.error = SpoolFullError()
            return
        for sealed, location in zip(waiting, locations, strict=True):
            sealed.location, sealed.bytes_for_segment = location, b""

    async def _transact(self, works: Sequence[_Submission]) -> int:
        has_documents = any(
            sealed.in_segment for item in works if item.error is None for sealed in item.sealed
        )
        synced = self._syncing.submit(self._spool.segments.sync) if has_documents else None
        try:
            facts = await self._write(works)
            await self._in_thread(partial(self._make_durable, synced))
        finally:
            if synced is not None and not synced.is_done():
                await asyncio.to_thread(synced.wait)
        return facts

    async def _write(self, works: Sequence[_Submission]) -> int:
        """Run the works in a transaction that stays open; tells how many facts they queued."""
        await self._begin()
        transaction = Transaction(self._connection)
        for item in works:
            if item.error is None:
                _run_work(transaction, item)
        transaction.write_facts()
        return transaction.facts

    async def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not schema.is_busy(error):
                raise
            # Somebody else writes (an administrator's tool): wait for them in the thread.
            await self._in_thread(self._begin_patiently)

    def _begin_patiently(self) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {round(schema.BUSY_SECONDS * 1000)}")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        finally:
            self._connection.execute("PRAGMA busy_timeout = 0")

    def _restart_wal(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _make_durable(self, synced: Handed | None) -> None:
        if synced is not None:
            synced.result()  # the documents first: no row may speak of what is not on disk
        self._connection.execute("COMMIT")

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await self._thread.run(work)

    async def _commit_in_reserve(self, works: Sequence[_Submission]) -> int:
        """The disk is full: refuse documents, spend the reserve on everything else."""
        for item in works:
            if item.sealed and item.error is None:
                item.error = SpoolFullError()
        if all(item.error is not None for item in works):
            return 0
        self._reserve.spend()
        try:
            await self._checkpoints.wait()
            # From here on the WAL is written again from its beginning: that takes no new space.
            await self._in_thread(self._restart_wal)
            return await self._transact(works)
        except sqlite3.Error as error:
            self._roll_back()
            self._give_up(works, error)
            return 0

    def _give_up(self, works: Sequence[_Submission], error: sqlite3.Error) -> None:
        if schema.is_io_error(error):
            self._fatal("committing jobs", error)
        log.error("the job database refused a commit: %s", error)
        for item in works:
            item.error = SpoolFullError() if schema.is_full(error) else JobStoreError(str(error))
            item.callbacks = []

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _run_alone(self, item: _Submission) -> None:
        try:
            item.result = item.work(self._connection)
        except sqlite3.Error as error:
            self._give_up([item], error)

    def _settle(self, batch: Sequence[_Submission], facts: int) -> None:
        for item in batch:
            if item.error is not None:
                self._discard(item.sealed)
            for callback in item.callbacks:
                _call(callback)
            if item.future.done():
                continue
            if item.error is not None:
                item.future.set_exception(item.error)
            else:
                item.future.set_result(item.result)
        if facts:
            for listener in self._fact_listeners:
                _call(listener)

    def _discard(self, sealed: Sequence[Sealed]) -> None:
        for document in sealed:
            self._spool.discard(document)


def _run_work(transaction: Transaction, item: _Submission) -> None:
    transaction.callbacks = item.callbacks = []
    try:
        item.result = transaction.run_work(item.work)
    except sqlite3.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001  handed to whoever waits for this work
        item.error, item.callbacks = error, []


def _call(callback: Callable[[], None]) -> None:
    """Call a listener; its defect must not end the commits of everybody."""
    try:
        callback()
    except Exception:
        log.exception("a listener failed after a commit")


def _truncate_wal(connection: sqlite3.Connection) -> tuple[int, int, int]:
    return cast(
        tuple[int, int, int], connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    )
