"""Erasing: in time, for good, and never what somebody still waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.jobs.model import SYSTEM, Actor
from shared.job_states import JobState
from tests.support.jobs import (
    ADA,
    ALDER,
    PRINTER,
    Jobs,
    a_job_service,
    a_new_job,
    accept,
    documents_of,
    facts_of,
    files_under,
    state_of,
)
from tests.support.moving_clock import MovingClock

DAY = 86_400
MARKER = b"PLAINTEXT-MARKER-OF-ADA"


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
async def jobs(tmp_path: Path, clock: MovingClock) -> AsyncIterator[Jobs]:
    async with a_job_service(tmp_path, clock=clock) as running:
        yield running


def places_of(marker: bytes, state: Path) -> list[Path]:
    return [path for path in files_under(state) if marker in path.read_bytes()]


async def test_a_job_nobody_releases_expires_and_its_owner_can_read_so(
    jobs: Jobs, clock: MovingClock
) -> None:
    job, later = await accept(jobs), await accept(jobs, retention_seconds=2 * DAY)
    clock.advance(DAY - 1)
    await jobs.service.retention.tick()
    assert state_of(jobs, job.id) is JobState.PENDING_HELD
    clock.advance(2)
    await jobs.service.retention.tick()
    expired = await jobs.service.get(job.id)
    assert expired.state is JobState.CANCELED
    assert expired.message == "Nobody released it in time; it was erased."
    assert await documents_of(jobs, job.id) == []
    assert await documents_of(jobs, later.id) == [b"%PDF-1.7 a report"]
    assert facts_of(jobs, job.id)[-1]["body"]["event"] == "expired"


async def test_a_job_whose_documents_never_came_is_aborted(jobs: Jobs, clock: MovingClock) -> None:
    job = await jobs.service.create(a_new_job())
    await jobs.service.add_document(job.id, format="a/b", name="1", body=b"one", last=False)
    clock.advance(299)
    await jobs.service.retention.tick()
    assert state_of(jobs, job.id) is JobState.PENDING_HELD
    clock.advance(2)
    await jobs.service.retention.tick()
    assert state_of(jobs, job.id) is JobState.ABORTED
    assert facts_of(jobs) == []


async def test_a_sender_is_waited_for_from_its_last_document_on(
    jobs: Jobs, clock: MovingClock
) -> None:
    jobs.service.incoming.time_out_seconds = 60
    job = await jobs.service.create(a_new_job())
    silent = await jobs.service.create(a_new_job())
    clock.advance(50)
    await jobs.service.add_document(job.id, format="a/b", name="1", body=b"one", last=False)
    clock.advance(50)
    await jobs.service.retention.tick()
    assert state_of(jobs, job.id) is JobState.PENDING_HELD
    assert state_of(jobs, silent.id) is JobState.ABORTED
    clock.advance(11)
    await jobs.service.retention.tick()
    assert state_of(jobs, job.id) is JobState.ABORTED


async def test_a_document_that_comes_slowly_is_waited_for(jobs: Jobs, clock: MovingClock) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000
            clock.advance(299)
            await jobs.service.retention.tick()

    job = await jobs.service.create(a_new_job())
    await jobs.service.add_document(job.id, format="a/b", name="1", body=slowly(), last=True)
    assert state_of(jobs, job.id) is JobState.PENDING_HELD
    assert await documents_of(jobs, job.id) == [b"x" * 300_000]


@pytest.mark.parametrize("size", [10, 200_000])
async def test_what_came_of_an_aborted_job_is_erased_at_once(
    jobs: Jobs, clock: MovingClock, size: int
) -> None:
    job = await jobs.service.create(a_new_job(keep_after_printing=True))
    body = MARKER * size
    await jobs.service.add_document(job.id, format="a/b", name="1", body=body, last=False)
    (document,) = await jobs.service.list_documents(job.id)
    wrapped = document.recipients[0].wrapped_key
    clock.advance(301)
    await jobs.service.retention.tick()
    assert state_of(jobs, job.id) is JobState.ABORTED
    assert await documents_of(jobs, job.id) == []
    await jobs.service.retention.tick()
    assert list(files_under(jobs.state / "keys")) == []
    assert list(files_under(jobs.spool.folder / "documents")) == []
    assert places_of(wrapped, jobs.state) == []


async def test_the_days_key_and_the_wal_are_gone_with_the_last_document(
    jobs: Jobs, clock: MovingClock
) -> None:
    job = await accept(jobs, MARKER)
    (document,) = await jobs.service.list_documents(job.id)
    wrapped = document.recipients[0].wrapped_key
    (key_file,) = files_under(jobs.state / "keys")
    key = key_file.read_bytes()
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert places_of(wrapped, jobs.state)
    await jobs.service.cancel(job.id, SYSTEM)
    await jobs.service.retention.tick()
    assert not key_file.exists()
    assert places_of(key, jobs.state) == []
    assert places_of(wrapped, jobs.state) == []
    wal = jobs.state / "jobs.db-wal"
    assert wal.stat().st_size == 0


async def test_a_key_lives_while_one_document_of_its_day_does(
    jobs: Jobs, clock: MovingClock
) -> None:
    gone, kept = await accept(jobs), await accept(jobs)
    await jobs.service.cancel(gone.id, SYSTEM)
    await jobs.service.retention.tick()
    assert len(list(files_under(jobs.state / "keys"))) == 1
    assert await documents_of(jobs, kept.id) == [b"%PDF-1.7 a report"]


async def test_each_day_and_each_account_has_a_key_of_its_own(
    jobs: Jobs, clock: MovingClock
) -> None:
    await accept(jobs)
    await accept(jobs, account_id="01a00000-0000-7000-8000-00000000ceda")
    clock.advance(DAY / 2)
    await accept(jobs)
    clock.advance(DAY / 2)
    await accept(jobs)
    assert len(list(files_under(jobs.state / "keys"))) == 3


@pytest.mark.parametrize("size", [10, 200_000])
async def test_no_byte_of_a_document_lies_in_clear_anywhere(jobs: Jobs, size: int) -> None:
    body = MARKER * size
    (jobs.state / "twin").write_bytes(body)  # shows that the scan would find it
    await accept(jobs, body[:60_000])
    await accept(jobs, body)
    assert places_of(MARKER, jobs.state) == [jobs.state / "twin"]


async def test_kept_documents_of_a_printed_job_go_when_their_time_is_over(
    jobs: Jobs, clock: MovingClock
) -> None:
    job = await accept(jobs, keep_after_printing=True, printer_id=PRINTER)
    await jobs.service.release(ALDER, ADA, [job.id], PRINTER, Actor("card"))
    await jobs.store.submit(
        lambda tx: tx.connection.execute("UPDATE jobs SET state = 9, completed_at = created_at")
    )
    await jobs.service.retention.tick()
    assert len(await documents_of(jobs, job.id)) == 1
    clock.advance(DAY + 1)
    await jobs.service.retention.tick()
    assert await documents_of(jobs, job.id) == []
    assert state_of(jobs, job.id) is JobState.COMPLETED


async def test_final_jobs_are_forgotten_after_a_week_and_numbers_are_never_given_twice(
    tmp_path: Path, clock: MovingClock
) -> None:
    async with a_job_service(tmp_path, clock=clock) as jobs:
        sent = [await accept(jobs), await accept(jobs)]
        for job in sent:
            await jobs.service.cancel(job.id, SYSTEM)
        clock.advance(8 * DAY)
        await jobs.service.retention.tick()
        assert state_of(jobs, sent[0].id) is None
    async with a_job_service(tmp_path, clock=clock) as jobs:
        assert (await accept(jobs)).number == 3


async def test_a_segment_is_erased_with_its_last_document(tmp_path: Path) -> None:
    async with a_job_service(tmp_path, segment_bytes=1) as jobs:
        sent = [await accept(jobs, b"x" * 1000) for _ in range(3)]
        segments = jobs.spool.folder / "segments"
        assert len(list(segments.iterdir())) == 3
        for job in sent[:2]:
            await jobs.service.cancel(job.id, SYSTEM)
        await jobs.service.retention.tick()
        assert [path.name for path in segments.iterdir()] == ["3"]
        assert await documents_of(jobs, sent[2].id) == [b"x" * 1000]


async def test_at_start_everything_that_belongs_to_no_job_is_erased(tmp_path: Path) -> None:
    async with a_job_service(tmp_path) as jobs:
        small, large = await accept(jobs, b"small"), await accept(jobs, b"L" * 100_000)
    spool, stranger = tmp_path / "spool", "01a00000-0000-7000-8000-0000000000ff"
    orphans = [spool / "incoming" / stranger, spool / "documents" / stranger]
    orphans += [spool / "segments" / "99", tmp_path / "keys" / f"{ALDER}.20200101.00000000.key"]
    for orphan in orphans:
        orphan.write_bytes(b"x" * 100)
    async with a_job_service(tmp_path) as jobs:
        assert not any(orphan.exists() for orphan in orphans)
        assert await documents_of(jobs, small.id) == [b"small"]
        assert await documents_of(jobs, large.id) == [b"L" * 100_000]
