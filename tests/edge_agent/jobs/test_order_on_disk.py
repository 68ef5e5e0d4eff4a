"""What must be on disk before what: documents before their rows, rows before the answer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.spool.segments import Segments
from tests.support.jobs import Jobs, a_job_service, accept

_A_MOMENT = 0.3
_LONG = 3.0  # also for a machine that has much else to do


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    async with a_job_service(tmp_path) as running:
        yield running


def rows_on_disk(jobs: Jobs) -> int:
    """Count what somebody else sees who opens the database now."""
    with contextlib.closing(sqlite3.connect(jobs.state / "jobs.db")) as other:
        return int(other.execute("SELECT count(*) FROM jobs").fetchone()[0])


async def test_no_row_speaks_of_a_document_that_is_not_on_disk(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, may = Segments.sync, threading.Event()

    def waiting(segments: Segments) -> None:
        assert may.wait(10)
        sync(segments)

    monkeypatch.setattr(Segments, "sync", waiting)
    sending = asyncio.create_task(accept(jobs))
    try:
        await asyncio.sleep(_A_MOMENT)
        assert (rows_on_disk(jobs), sending.done()) == (0, False)
    finally:
        may.set()
    await sending
    assert rows_on_disk(jobs) == 1


async def test_nobody_is_answered_before_the_commit(jobs: Jobs) -> None:
    # The thread that commits is busy: whoever is answered meanwhile was told what is not so.
    busy = jobs.store._thread.submit(lambda: time.sleep(_LONG))
    await accept(jobs)
    assert rows_on_disk(jobs) == 1
    busy.result()
