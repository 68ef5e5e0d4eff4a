"""The life of a job at the gateway."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.jobs.errors import DocumentGoneError, IllegalTransitionError, JobNotFoundError
from edge_agent.jobs.model import SYSTEM, Actor
from shared.ids import JobId, new_id
from shared.job_states import Hold, JobState
from tests.support.jobs import (
    ADA,
    ALDER,
    BEN,
    CEDAR,
    CLEO,
    OTHER_PRINTER,
    PRINTER,
    PULL,
    Jobs,
    a_job_service,
    a_new_job,
    accept,
    documents_of,
    facts_of,
    files_under,
    in_pieces,
    state_of,
    until,
)

CARD = Actor("card", user_id=ADA)


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    async with a_job_service(tmp_path) as running:
        yield running


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_500_000])
async def test_a_document_comes_back_as_it_was_sent(jobs: Jobs, size: int) -> None:
    body = os.urandom(size)
    in_one, streamed = await accept(jobs, body), await accept(jobs, in_pieces(body))  # type: ignore[arg-type]
    assert await documents_of(jobs, in_one.id) == [body]
    assert await documents_of(jobs, streamed.id) == [body]
    assert in_one.size_bytes == size


async def test_an_accepted_job_is_held_with_a_reason_and_the_primary_hears_of_it(
    jobs: Jobs,
) -> None:
    job = await accept(jobs)
    assert (job.number, job.state, job.holds) == (1, JobState.PENDING_HELD, {Hold.OWNER})
    assert job.message == "It waits for its owner at a printer."
    (fact,) = facts_of(jobs)
    assert fact["kind"] == "job.received"
    assert fact["body"]["reasons"] == ["job-release-wait"]


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with a_job_service(tmp_path) as jobs:
        small, large = await accept(jobs, b"small"), await accept(jobs, b"L" * 100_000)
    async with a_job_service(tmp_path) as jobs:
        assert await documents_of(jobs, small.id) == [b"small"]
        assert await documents_of(jobs, large.id) == [b"L" * 100_000]
        assert (await accept(jobs)).number == 3


async def broken_off(size: int) -> AsyncIterator[bytes]:
    yield b"x" * size
    raise ConnectionResetError


@pytest.mark.parametrize("size", [100, 2_000_000])
async def test_a_sender_that_breaks_off_leaves_nothing(jobs: Jobs, size: int) -> None:
    before = set(files_under(jobs.spool.folder))
    with pytest.raises(ConnectionResetError):
        await accept(jobs, broken_off(size))  # type: ignore[arg-type]
    assert set(files_under(jobs.spool.folder)) == before
    assert facts_of(jobs) == []
    await jobs.service.retention.tick()
    assert list(files_under(jobs.state / "keys")) == []


async def test_a_sender_that_is_cut_off_while_it_sends_leaves_nothing(jobs: Jobs) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000
            await asyncio.sleep(0)

    task = asyncio.create_task(accept(jobs, endless()))  # type: ignore[arg-type]
    await until(lambda: list((jobs.spool.folder / "incoming").iterdir()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(files_under(jobs.spool.folder)) == []


async def test_documents_of_a_created_job_follow(jobs: Jobs) -> None:
    job = await jobs.service.create(a_new_job())
    assert Hold.INCOMING in job.holds
    assert facts_of(jobs) == []
    await jobs.service.add_document(job.id, format="a/b", name="1", body=b"one", last=False)
    job = await jobs.service.add_document(job.id, format="a/b", name="2", body=b"two", last=True)
    assert job.holds == {Hold.OWNER}
    assert job.size_bytes == 6
    assert await documents_of(jobs, job.id) == [b"one", b"two"]
    assert [fact["kind"] for fact in facts_of(jobs)] == ["job.received"]
    with pytest.raises(IllegalTransitionError):
        await jobs.service.add_document(job.id, format="a/b", name="3", body=b"3", last=True)


async def test_a_created_job_without_a_document_is_aborted_when_it_is_closed(jobs: Jobs) -> None:
    job = await jobs.service.create(a_new_job())
    assert (await jobs.service.close(job.id)).state is JobState.ABORTED


async def test_a_job_is_released_once_however_often_it_is_asked(jobs: Jobs) -> None:
    job = await accept(jobs)
    service = jobs.service
    answers = await asyncio.gather(
        *[service.release(ALDER, ADA, [job.id], PRINTER, CARD) for _ in range(10)]
    )
    assert sum(len(answer.released) for answer in answers) == 1
    released = [f for f in facts_of(jobs) if f["body"].get("event") == "released"]
    assert len(released) == 1
    assert released[0]["body"]["by"] == "card"


async def test_a_tap_releases_everything_of_its_owner_and_nothing_of_anybody_else(
    jobs: Jobs,
) -> None:
    hers = [await accept(jobs), await accept(jobs)]
    bens = await accept(jobs, owner_id=BEN)
    cleos = await accept(jobs, account_id=CEDAR, owner_id=CLEO)
    answer = await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
    assert answer.released == tuple(job.id for job in hers)
    assert state_of(jobs, bens.id) is JobState.PENDING_HELD
    assert state_of(jobs, cleos.id) is JobState.PENDING_HELD


async def test_somebody_elses_job_looks_like_none(jobs: Jobs) -> None:
    bens = await accept(jobs, owner_id=BEN)
    nowhere = JobId(new_id())
    answer = await jobs.service.release(ALDER, ADA, [bens.id, nowhere], PRINTER, CARD)
    assert answer.released == ()
    assert answer.refused[bens.id] == answer.refused[nowhere] == "There is no such job."
    assert (await jobs.service.release(ALDER, BEN, [bens.id], PRINTER, CARD)).released


async def test_a_job_whose_printer_stays_away_can_go_to_another(jobs: Jobs) -> None:
    job = await accept(jobs)
    await jobs.service.release(ALDER, ADA, [job.id], PRINTER, CARD)
    again = await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
    assert again.refused == {job.id: "It is on its way to the printer."}
    moved = await jobs.service.release(ALDER, ADA, [job.id], OTHER_PRINTER, CARD)
    assert moved.released == (job.id,)
    assert (await jobs.service.get(job.id)).printer_id == OTHER_PRINTER


async def test_lifting_the_senders_hold_leaves_the_owners(jobs: Jobs) -> None:
    job = await accept(jobs, holds=frozenset({Hold.OWNER, Hold.SENDER}))
    job = await jobs.service.release_sender_hold(job.id, SYSTEM)
    assert (job.state, set(job.holds)) == (JobState.PENDING_HELD, {Hold.OWNER})
    with pytest.raises(IllegalTransitionError):
        await jobs.service.release_sender_hold(job.id, SYSTEM)


async def test_a_held_job_of_a_direct_queue_goes_on_when_its_sender_says_so(jobs: Jobs) -> None:
    job = await accept(jobs, holds=frozenset({Hold.SENDER}), printer_id=PRINTER)
    job = await jobs.service.release_sender_hold(job.id, SYSTEM)
    assert (job.state, job.printer_id) == (JobState.PENDING, PRINTER)
    job = await jobs.service.hold(job.id, SYSTEM)
    assert (job.state, set(job.holds)) == (JobState.PENDING_HELD, {Hold.SENDER})


async def test_canceling_erases_the_documents(jobs: Jobs) -> None:
    job = await accept(jobs, b"L" * 100_000)
    canceled = await jobs.service.cancel(job.id, CARD)
    assert canceled.state is JobState.CANCELED
    assert await documents_of(jobs, job.id) == []
    await until(lambda: not list(files_under(jobs.spool.folder / "documents")))
    with pytest.raises(IllegalTransitionError):
        await jobs.service.cancel(job.id, CARD)
    with pytest.raises(IllegalTransitionError):
        await jobs.service.restart(job.id, CARD)


async def test_a_job_without_documents_is_not_restarted(jobs: Jobs) -> None:
    job = await accept(jobs, printer_id=PRINTER)
    await jobs.service.cancel(job.id, CARD)
    with pytest.raises(DocumentGoneError):
        await jobs.service.restart(job.id, CARD)


async def test_lists_show_what_was_asked_for(jobs: Jobs) -> None:
    first, second = await accept(jobs), await accept(jobs, owner_id=BEN)
    claimed = await accept(jobs, identity="claimed", owner_id=None, claimed_name="ada")
    await jobs.service.cancel(second.id, SYSTEM)
    service = jobs.service

    async def ids(**wanted: object) -> list[JobId]:
        return [job.id for job in await service.list_jobs(ALDER, **wanted)]  # type: ignore[arg-type]

    assert await ids() == [first.id, claimed.id]
    assert await ids(completed=True) == [second.id]
    assert await ids(completed=None, owner_id=BEN) == [second.id]
    assert await ids(claimed_name="ada", address="127.0.0.1") == [claimed.id]
    assert await ids(claimed_name="ada", address="10.0.0.1") == []
    assert await ids(limit=1) == [first.id]
    assert await ids(after=1) == [claimed.id]
    assert await service.list_jobs(CEDAR) == []
    assert await service.count_active(PULL) == 2
    assert [job.id for job in await service.list_waiting(ALDER, ADA)] == [first.id]


async def test_a_quarantined_job_waits_until_it_has_an_owner(jobs: Jobs) -> None:
    hold = frozenset({Hold.QUARANTINE})
    job = await accept(jobs, owner_id=None, identity="unknown", holds=hold)
    job = await jobs.service.adopt(job.id, ADA, SYSTEM)
    assert job.holds == {Hold.OWNER}
    assert facts_of(jobs)[-1]["body"]["detail"] == {"owner_id": ADA}
    assert (await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)).released == (job.id,)


async def test_a_forgotten_account_leaves_neither_job_nor_document_nor_key(jobs: Jobs) -> None:
    await accept(jobs)
    cleos = await accept(jobs, account_id=CEDAR, owner_id=CLEO)
    assert await jobs.service.forget_account(ALDER) == 1
    assert await jobs.service.list_jobs(ALDER, completed=None) == []
    assert [path.name[:36] for path in files_under(jobs.state / "keys")] == [CEDAR]
    assert await documents_of(jobs, cleos.id) == [b"%PDF-1.7 a report"]
    assert facts_of(jobs)[-1]["kind"] == "account.forgotten"


async def test_an_unknown_job_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(JobNotFoundError):
        await jobs.service.get(JobId(new_id()))
    with pytest.raises(JobNotFoundError):
        await jobs.service.cancel(JobId(new_id()), SYSTEM)
    assert await jobs.service.find(99) is None
