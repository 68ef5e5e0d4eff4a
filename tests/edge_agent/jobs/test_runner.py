"""From release to paper, and everything that can come between."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.jobs.driver import Outcome, Result
from edge_agent.jobs.model import SYSTEM, Actor, Job
from edge_agent.jobs.runner import Runner
from edge_agent.jobs.transaction import Transaction, find_job
from shared.job_states import Hold, JobState
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import (
    ADA,
    ALDER,
    OTHER_PRINTER,
    PRINTER,
    Jobs,
    a_job_service,
    accept,
    facts_of,
    state_of,
    until,
)

CARD = Actor("card", user_id=ADA)
BODY = b"%PDF-1.7 a report"


@asynccontextmanager
async def printing(
    state: Path, printer: FakePrinter, other: FakePrinter | None = None
) -> AsyncIterator[tuple[Jobs, Runner]]:
    printers = {PRINTER: printer, OTHER_PRINTER: other or FakePrinter()}
    async with a_job_service(state) as jobs:
        runner = Runner(jobs.service, lambda record: printers[record.id], a_printer_record)
        jobs.service.listeners.on_pending(lambda job: take(runner, job))
        await runner.start()
        yield jobs, runner
        await runner.stop()


def take(runner: Runner, job: Job) -> None:
    assert job.printer_id is not None
    runner.take(job.id, job.printer_id)


async def release(jobs: Jobs, job: Job, actor: Actor = CARD) -> None:
    answer = await jobs.service.release(ALDER, ADA, [job.id], PRINTER, actor)
    assert answer.released == (job.id,)


def is_sending(jobs: Jobs, job: Job) -> bool:
    """Whether it is on disk that its printer may have a part of it."""
    found = jobs.store.look(lambda c: find_job(c, job.id))
    return found is not None and found.sending


def events(jobs: Jobs, job: Job) -> list[str]:
    return [
        f["body"].get("event") or f["kind"]
        for f in facts_of(jobs, job.id)
        if f["kind"] != "job.received"
    ]


async def test_a_released_job_comes_out_and_is_told_of_exactly_once(tmp_path: Path) -> None:
    printer = FakePrinter()
    async with printing(tmp_path, printer) as (jobs, _):
        job = await accept(jobs, BODY)
        await release(jobs, job, Actor("card", ADA, tapped_at=time.monotonic()))
        await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)
        assert printer.paper == [(job.id, BODY)]
        assert events(jobs, job) == [
            "released",
            "started",
            "sending",
            "printed",
            "job.counted",
            "usage.recorded",
        ]
        facts = facts_of(jobs, job.id)
        sending = next(f["body"] for f in facts if f["body"].get("event") == "sending")
        assert 0 <= sending["first_byte_ms"] < 1000
        assert await jobs.service.list_documents(job.id) == []
        revisions = [f["body"]["revision"] for f in facts if "revision" in f["body"]]
        assert revisions == sorted(set(revisions))


async def test_jobs_come_out_in_the_order_of_their_release(tmp_path: Path) -> None:
    printer = FakePrinter()
    async with printing(tmp_path, printer) as (jobs, _):
        sent = [await accept(jobs, b"%d" % n) for n in range(10)]
        await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
        await until(lambda: len(printer.paper) == 10)
        assert [job_id for job_id, _ in printer.paper] == [job.id for job in sent]


@pytest.mark.parametrize("damage", [None, b"", b"[1]", b"{"], ids=["whole", "empty", "list", "cut"])
async def test_the_order_that_a_person_made_outlives_a_restart(
    tmp_path: Path, damage: bytes | None
) -> None:
    path = tmp_path / "lines.json"
    away = FakePrinter(away="It is switched off.", retry_after_seconds=60)
    async with a_job_service(tmp_path) as jobs:
        runner = Runner(jobs.service, lambda _: away, a_printer_record, order_path=path)
        jobs.service.listeners.on_pending(lambda job: take(runner, job))
        await runner.start()
        sent = [await accept(jobs, b"%d" % n) for n in range(4)]
        await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
        await until(lambda: away.attempts and runner.figures()["waiting"] == 4)
        first, third, last = [await jobs.service.get(sent[n].id) for n in (0, 2, 3)]
        await jobs.service.reorder(last, after=None)
        await jobs.service.reorder(first, after=third)
        await runner.stop()
        later = await accept(jobs, b"later")
        await jobs.service.release(ALDER, ADA, [later.id], PRINTER, CARD)
    if damage is not None:
        path.write_bytes(damage)
    printer = FakePrinter()
    async with a_job_service(tmp_path) as jobs:
        runner = Runner(jobs.service, lambda _: printer, a_printer_record, order_path=path)
        await runner.start()
        await until(lambda: len(printer.paper) == 5)
        await runner.stop()
    came = [body for _, body in printer.paper]
    by_age = [b"0", b"1", b"2", b"3", b"later"]
    assert came == ([b"3", b"1", b"2", b"0", b"later"] if damage is None else by_age)


async def test_while_the_printer_is_away_every_owner_reads_why_and_then_it_prints(
    tmp_path: Path,
) -> None:
    printer = FakePrinter(away="The printer is switched off.")
    async with printing(tmp_path, printer) as (jobs, _):
        both = [await accept(jobs), await accept(jobs)]
        await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
        await until(
            lambda: [f["body"].get("message") for f in facts_of(jobs)].count(printer.away) == 2
        )
        waiting = await jobs.service.list_waiting(ALDER, ADA)
        assert [job.message for job in waiting] == ["The printer is switched off."] * 2
        assert {job.state for job in waiting} == {JobState.PENDING}
        printer.away = None
        await until(lambda: len(printer.paper) == 2)
        assert [job_id for job_id, _ in printer.paper] == [job.id for job in both]


async def test_a_second_tap_while_it_prints_prints_nothing_more(tmp_path: Path) -> None:
    printer = FakePrinter()
    printer.gate.clear()
    async with printing(tmp_path, printer) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: state_of(jobs, job.id) is JobState.PROCESSING)
        again = await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
        assert again.refused == {job.id: "It is being printed."}
        printer.gate.set()
        await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)
        assert len(printer.paper) == 1


async def test_a_job_moved_to_another_printer_comes_out_there_alone(tmp_path: Path) -> None:
    first, second = FakePrinter(away="The printer is switched off."), FakePrinter()
    async with printing(tmp_path, first, second) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: first.attempts)
        await jobs.service.release(ALDER, ADA, [job.id], OTHER_PRINTER, CARD)
        await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)
        first.away = None
        # What comes after it in the line of the first printer: so the line has passed it by.
        later = await accept(jobs)
        await release(jobs, later)
        await until(lambda: state_of(jobs, later.id) is JobState.COMPLETED)
        assert (len(first.paper), len(second.paper)) == (1, 1)


async def test_canceling_stops_the_sending_and_tells_the_printer(tmp_path: Path) -> None:
    printer = FakePrinter()
    printer.gate.clear()
    async with printing(tmp_path, printer) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: state_of(jobs, job.id) is JobState.PROCESSING)
        await jobs.service.cancel(job.id, SYSTEM)
        await until(lambda: printer.canceled)
        assert (await jobs.service.get(job.id)).state is JobState.CANCELED
        after = await accept(jobs)
        printer.gate.set()
        await release(jobs, after)
        await until(lambda: state_of(jobs, after.id) is JobState.COMPLETED)
        assert [job_id for job_id, _ in printer.paper] == [after.id]


@pytest.mark.parametrize(
    ("outcome", "state", "holds"),
    [
        (Outcome(Result.REFUSED, "It cannot print this."), JobState.ABORTED, set()),
        (Outcome(Result.CANCELED_AT_PRINTER, "Canceled there."), JobState.CANCELED, set()),
        (Outcome(Result.UNKNOWN, ""), JobState.PENDING_HELD, {Hold.UNCERTAIN}),
    ],
)
async def test_each_outcome_has_its_state_and_a_sentence(
    tmp_path: Path, outcome: Outcome, state: JobState, holds: set[Hold]
) -> None:
    async with printing(tmp_path, FakePrinter(outcome=outcome)) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: state_of(jobs, job.id) not in (JobState.PENDING, JobState.PROCESSING))
        after = await jobs.service.get(job.id)
        assert (after.state, set(after.holds)) == (state, holds)
        assert after.message
        assert "usage.recorded" not in events(jobs, job)


async def test_a_driver_that_fails_after_a_byte_left_makes_the_job_uncertain(
    tmp_path: Path,
) -> None:
    printer = FakePrinter(fails_with=RuntimeError("a defect"), reports_first_byte=False)
    async with printing(tmp_path, printer) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: state_of(jobs, job.id) is JobState.PENDING_HELD)
        assert (await jobs.service.get(job.id)).holds == {Hold.UNCERTAIN}
        all_of_hers = await jobs.service.release(ALDER, ADA, [], PRINTER, CARD)
        assert all_of_hers.released == ()
        printer.fails_with = None
        await release(jobs, job)  # she looked, and wants it again
        await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)


async def test_the_sending_mark_is_on_disk_before_a_byte_leaves(tmp_path: Path) -> None:
    marks: list[tuple[JobState, bool]] = []

    class Watching(FakePrinter):
        async def deliver(self, printer: Any, job: Any, documents: Any, on_progress: Any) -> Any:
            async for _ in documents[0].open():
                found = await jobs.service.get(job.id)
                marks.append((found.state, found.sending))
            return self.outcome

    async with printing(tmp_path, Watching()) as (jobs, _):
        job = await accept(jobs, b"x" * 2_000_000)
        await release(jobs, job)
        await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)
        assert set(marks) == {(JobState.PROCESSING, True)}
        assert len(marks) > 1


async def test_a_printer_that_stops_in_the_middle_is_told_of(tmp_path: Path) -> None:
    async with printing(tmp_path, FakePrinter(stops="It is out of paper.")) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)
        told = [f["body"] for f in facts_of(jobs, job.id) if f["body"].get("event") == "stopped"]
        assert told[0]["message"] == "It is out of paper."
        assert events(jobs, job)[:4] == ["released", "started", "stopped", "resumed"]


async def saved_as(jobs: Jobs, job: Job, **columns: Any) -> None:
    def work(tx: Transaction) -> None:
        for name, value in columns.items():
            tx.connection.execute(f"UPDATE jobs SET {name} = ? WHERE id = ?", (value, job.id))  # noqa: S608

    await jobs.store.submit(work)


@pytest.mark.parametrize(
    ("saved", "answer", "state", "holds", "paper"),
    [
        ({"state": 3}, None, JobState.COMPLETED, set(), 1),
        ({"state": 5, "sending": 0}, None, JobState.COMPLETED, set(), 1),
        ({"state": 5, "sending": 1}, None, JobState.PENDING_HELD, {Hold.UNCERTAIN}, 0),
        ({"state": 6, "sending": 1}, None, JobState.PENDING_HELD, {Hold.UNCERTAIN}, 0),
        (
            {"state": 5, "sending": 1},
            Outcome(Result.PRINTED, ""),
            JobState.COMPLETED,
            set(),
            0,
        ),
        ({"state": 4, "holds": ""}, None, JobState.PENDING_HELD, {Hold.UNCERTAIN}, 0),
        ({"state": 3, "printer_id": None}, None, JobState.PENDING_HELD, {Hold.OWNER}, 0),
        ({"state": 42}, None, JobState.PENDING_HELD, {Hold.UNCERTAIN, Hold.OWNER}, 0),
        (
            {"state": 4, "holds": "from-another-release"},
            None,
            JobState.PENDING_HELD,
            {Hold.UNCERTAIN},
            0,
        ),
    ],
)
async def test_every_saved_state_means_something_after_a_power_cut(  # noqa: PLR0917
    tmp_path: Path,
    saved: dict[str, Any],
    answer: Outcome | None,
    state: JobState,
    holds: set[Hold],
    paper: int,
) -> None:
    async with a_job_service(tmp_path) as jobs:
        job = await accept(jobs)
        holds_now = "" if saved["state"] in (3, 5, 6) else "job-release-wait"
        await saved_as(jobs, job, **{"holds": holds_now, "printer_id": PRINTER, **saved})
    printer = FakePrinter(answer=answer)
    async with printing(tmp_path, printer) as (jobs, _):
        await until(lambda: state_of(jobs, job.id) is state)
        after = await jobs.service.get(job.id)
        assert after.holds == holds
        assert len(printer.paper) == paper
        assert after.message


async def test_a_stopped_runner_in_the_middle_of_sending_prints_nothing_twice(
    tmp_path: Path,
) -> None:
    printer = FakePrinter()
    printer.gate.clear()
    async with printing(tmp_path, printer) as (jobs, _):
        job = await accept(jobs)
        await release(jobs, job)
        await until(lambda: is_sending(jobs, job))
    printer.gate.set()
    async with printing(tmp_path, printer) as (jobs, _):
        await until(lambda: state_of(jobs, job.id) is JobState.PENDING_HELD)
        assert printer.asked == [job.id]
        assert printer.paper == []
