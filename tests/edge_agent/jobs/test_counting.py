"""Pages are counted beside the work, before the paper where possible, and never in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.jobs.counting import Counted
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.runner import Runner
from shared.job_states import JobState
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import (
    ADA,
    ALDER,
    PRINTER,
    Jobs,
    a_job_service,
    accept,
    facts_of,
    read_all,
    state_of,
    until,
)


@dataclass
class FakeCounter:
    """Counts the word "page"."""

    answer: Callable[[bytes], Counted] = lambda body: Counted(
        body.count(b"page"), 0, confidence="high"
    )
    counted: int = 0

    async def __call__(self, chunks: AsyncIterator[bytes], format: str, /) -> Counted:  # noqa: A002
        self.counted += 1
        return self.answer(await read_all(chunks))


def counts(jobs: Jobs, job: Job) -> list[dict[str, Any]]:
    return [f["body"] for f in facts_of(jobs, job.id) if f["kind"] == "job.counted"]


async def print_it(jobs: Jobs, job: Job) -> None:
    runner = Runner(jobs.service, lambda _: FakePrinter(), a_printer_record)
    await runner.start()
    await jobs.service.release(ALDER, ADA, [job.id], PRINTER, Actor("card"))
    runner.take(job.id, PRINTER)
    await until(lambda: state_of(jobs, job.id) is JobState.COMPLETED)
    await runner.stop()


async def test_a_held_job_is_counted_in_the_background_and_the_primary_hears_of_it(
    tmp_path: Path,
) -> None:
    async with a_job_service(tmp_path, counter=FakeCounter()) as jobs:
        job = await accept(jobs, b"page page page")
        await until(lambda: counts(jobs, job))
        after = await jobs.service.get(job.id)
        assert (after.impressions, after.impressions_source) == (3, "document")
        assert counts(jobs, job)[0]["confidence"] == "high"


async def test_a_job_released_at_once_is_counted_before_it_is_charged(tmp_path: Path) -> None:
    counter = FakeCounter()
    async with a_job_service(tmp_path, counter=counter) as jobs:
        job = await accept(jobs, b"page page", ticket={"copies": 3})
        await print_it(jobs, job)
        (usage,) = [f["body"] for f in facts_of(jobs, job.id) if f["kind"] == "usage.recorded"]
        assert (usage["impressions"], usage["copies"]) == (6, 3)
        assert usage["printer_impressions"] == 3
        assert counter.counted == 1


async def test_what_cannot_be_counted_says_so_and_is_charged_by_the_printers_figure(
    tmp_path: Path,
) -> None:
    counter = FakeCounter(lambda _: Counted(None, None, note="This format is not counted."))
    async with a_job_service(tmp_path, counter=counter) as jobs:
        job = await accept(jobs)
        await print_it(jobs, job)
        told = counts(jobs, job)
        assert (told[0]["impressions"], told[0]["note"]) == (None, "This format is not counted.")
        assert (told[1]["impressions"], told[1]["source"]) == (3, "printer")
        (usage,) = [f["body"] for f in facts_of(jobs, job.id) if f["kind"] == "usage.recorded"]
        assert (usage["impressions"], usage["source"]) == (3, "printer")


async def test_a_counter_that_fails_keeps_no_job_from_its_printer(tmp_path: Path) -> None:
    def fail(_: bytes) -> Counted:
        raise RuntimeError("a defect")

    async with a_job_service(tmp_path, counter=FakeCounter(fail)) as jobs:
        job = await accept(jobs)
        await print_it(jobs, job)
        assert state_of(jobs, job.id) is JobState.COMPLETED


async def test_jobs_of_an_earlier_life_are_counted(tmp_path: Path) -> None:
    async with a_job_service(tmp_path) as jobs:
        job = await accept(jobs, b"page")
    async with a_job_service(tmp_path, counter=FakeCounter()) as jobs:
        await until(lambda: counts(jobs, job))
        assert (await jobs.service.get(job.id)).impressions == 1
