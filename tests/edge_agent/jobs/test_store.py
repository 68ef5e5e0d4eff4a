"""The committing: together, alone where one fails, and at most once where two want the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.jobs import rows, schema
from edge_agent.jobs.errors import IllegalTransitionError, JobStoreError
from edge_agent.jobs.model import Job
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from edge_agent.spool.segments import Segments
from edge_agent.spool.spool import Spool
from shared.clock import SystemClock
from shared.ids import DocumentId, new_id
from shared.job_states import JobEvent, JobState
from tests.support.jobs import (
    PRINTER,
    DiskFailedError,
    Jobs,
    a_job_service,
    accept,
    facts_of,
    files_under,
    raise_instead,
    state_of,
)


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    async with a_job_service(tmp_path) as running:
        yield running


async def test_clients_share_an_fsync(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs, sync = [0], Segments.sync

    def counting(segments: Segments) -> None:
        syncs[0] += 1
        sync(segments)

    monkeypatch.setattr(Segments, "sync", counting)
    await asyncio.gather(*[accept(jobs) for _ in range(50)])
    assert syncs[0] <= 10


async def test_of_two_who_saw_the_same_job_one_wins(jobs: Jobs) -> None:
    job = await accept(jobs)

    def release(tx: Transaction) -> Job:
        return tx.update_job(
            job, JobEvent.RELEASED, state=JobState.PENDING, holds=frozenset(), printer_id=PRINTER
        )

    both = await asyncio.gather(
        jobs.store.submit(release), jobs.store.submit(release), return_exceptions=True
    )
    assert [type(answer) for answer in both] == [Job, IllegalTransitionError]
    assert (await jobs.service.get(job.id)).revision == 2


async def test_a_work_that_fails_is_rolled_back_alone(jobs: Jobs) -> None:
    job = await accept(jobs)

    def failing(tx: Transaction) -> None:
        tx.update_job(job, JobEvent.RELEASED, state=JobState.PENDING)
        tx.after_commit(lambda: pytest.fail("told of what was rolled back"))
        raise LookupError

    async def fail() -> None:
        with pytest.raises(LookupError):
            await jobs.store.submit(failing)

    first, _, second = await asyncio.gather(accept(jobs), fail(), accept(jobs))
    assert state_of(jobs, job.id) is JobState.PENDING_HELD
    assert len(facts_of(jobs)) == 3
    assert state_of(jobs, first.id) is state_of(jobs, second.id) is JobState.PENDING_HELD


async def test_the_document_of_a_work_that_fails_is_erased(jobs: Jobs) -> None:
    def failing(tx: Transaction) -> None:
        raise LookupError

    job = await accept(jobs)
    for size in (10, 100_000):
        sealed = await jobs.spool.receive(
            job.account_id,
            job.id,
            DocumentId(new_id()),
            2,
            b"x" * size,
        )
        with pytest.raises(LookupError):
            await jobs.store.submit(failing, [sealed])
    assert not list(files_under(jobs.spool.folder / "documents"))
    await jobs.service.forget_account(job.account_id)
    assert not list(files_under(jobs.state / "keys"))


async def test_whoever_stops_waiting_does_not_undo_it(jobs: Jobs) -> None:
    told = list[str]()

    def work(tx: Transaction) -> None:
        tx.after_commit(lambda: told.append("committed"))

    task = asyncio.create_task(jobs.store.submit(work))
    await asyncio.sleep(0)
    task.cancel()
    await jobs.store.submit(lambda _: None)
    assert told == ["committed"]


async def test_facts_are_told_to_whoever_sends_them_after_they_are_durable(jobs: Jobs) -> None:
    heard = list[int]()
    jobs.store.on_facts(lambda: heard.append(len(facts_of(jobs))))
    await accept(jobs)
    await jobs.store.submit(lambda _: None)
    assert heard == [1]


async def test_a_database_of_a_newer_release_stops_the_start_and_stays_as_it_is(
    tmp_path: Path,
) -> None:
    newer = sqlite3.connect(tmp_path / "jobs.db")
    newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    newer.close()
    with pytest.raises(JobStoreError, match="newer release"):
        async with a_job_service(tmp_path):
            pass
    assert sqlite3.connect(tmp_path / "jobs.db").execute("PRAGMA user_version").fetchone() == (
        len(schema.MIGRATIONS) + 1,
    )


async def test_a_file_that_is_no_database_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"this is a letter" * 100)
    with pytest.raises(JobStoreError, match="cannot be used as job database"):
        async with a_job_service(tmp_path):
            pass


async def test_while_somebody_else_writes_the_jobs_wait(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(jobs.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(accept(jobs))
    await asyncio.sleep(0.1)
    assert not task.done()
    other.execute("ROLLBACK")
    other.close()
    assert (await task).number == 1


async def test_a_failing_fsync_of_a_segment_answers_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    clock = SystemClock()
    spool = Spool(tmp_path, clock.now, watermark_bytes=0, fatal=raise_instead)
    store = JobStore(tmp_path, spool, reserve_bytes=0, fatal=raise_instead)
    store.start()
    spool.segments.append([b"x"])
    monkeypatch.setattr("edge_agent.spool.durable.os.fdatasync", broken)
    with pytest.raises(DiskFailedError):
        spool.segments.sync()
    monkeypatch.undo()
    await store.stop()
    spool.close()


async def test_every_column_of_a_job_comes_back(jobs: Jobs) -> None:
    job = await accept(jobs, claimed_name="ada", message="Copies were reduced.")
    stored = await jobs.service.get(job.id)
    written = dict(zip(rows.JOB_COLUMNS.split(", "), rows.job_row(job), strict=True))
    read = dict(zip(rows.JOB_COLUMNS.split(", "), rows.job_row(stored), strict=True))
    assert read == written
    assert stored.message.endswith("Copies were reduced.")
