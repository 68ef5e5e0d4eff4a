"""Brings the WAL into the database beside the commits, so that nobody waits for it.

SQLite would do it inside the commit that made the WAL too long: tens of milliseconds in which all
clients wait. Here a thread with a connection of its own does the most of it; then the committing
thread does what has come meanwhile, which is little, and SQLite writes the WAL again from its
beginning. Blocks that are overwritten also reach the disk in half the time of new ones.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Final

from edge_agent.jobs import schema
from edge_agent.jobs.worker import Handed, Worker
from edge_agent.spool.durable import Fatal

PAGES: Final = 4000  # in the WAL, about
PAGES_OF_A_COMMIT: Final = 10  # and about one for each work in it

log = logging.getLogger(__name__)


class Checkpoints:
    """Says when one is due; ``_far`` runs in its own thread, ``take`` in the committing one."""

    def __init__(self, path: Path, fatal: Fatal) -> None:
        self._path = path
        self._fatal = fatal
        self._worker = Worker("jobs-checkpoint")
        self._connection: sqlite3.Connection | None = None
        self._running: Handed | None = None
        self._pages = 0

    def is_due(self, works: int) -> bool:
        """Whether to ``take`` one now, after a commit of so many works."""
        self._pages += PAGES_OF_A_COMMIT + works
        if self._running is not None:
            return self._running.is_done()
        if self._pages >= PAGES:
            self._running = self._worker.submit(self._far)
        return False

    def take(self, connection: sqlite3.Connection) -> None:
        """Bring the rest into the database, between two commits."""
        running, self._running, self._pages = self._running, None, 0
        if running is not None:
            running.result()
        self._passive(connection)

    async def wait(self) -> None:
        """Wait until none is running: whoever wants the WAL cut is not hindered by one."""
        if self._running is not None and not self._running.is_done():
            await asyncio.to_thread(self._running.wait)

    def stop(self) -> None:
        self._worker.submit(self._close)
        self._worker.stop()

    def _far(self) -> None:
        if self._connection is None:
            self._connection = schema.connect(self._path)
            self._connection.execute("PRAGMA synchronous = FULL")
        self._passive(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _passive(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            if schema.is_io_error(error):
                self._fatal("bringing the job database up to date", error)
            log.warning("the WAL stays as it is for now: %s", error)
