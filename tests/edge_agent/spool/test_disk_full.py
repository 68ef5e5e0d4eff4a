"""A full disk refuses new jobs, keeps the old ones, lets them print, and recovers by itself."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.jobs.errors import SpoolFullError
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.runner import Runner
from shared.ids import JobId
from shared.job_states import JobState
from tests.support.counts import count, progress, randomness
from tests.support.disks import a_small_disk, needs_root
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import (
    ADA,
    ALDER,
    PRINTER,
    Jobs,
    a_job_service,
    accept,
    documents_of,
    files_under,
    state_of,
    until,
)

MEGABYTE = 1024 * 1024
OFFSETS = count(5, 50)

pytestmark = [needs_root, pytest.mark.root, pytest.mark.scaled]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with a_small_disk(tmp_path / "disk", 16) as folder:
        yield folder


@pytest.fixture
async def jobs(disk: Path) -> AsyncIterator[Jobs]:
    async with a_job_service(disk / "state", reserve_bytes=2 * MEGABYTE) as running:
        yield running


async def fill(jobs: Jobs, sizes: tuple[int, ...]) -> dict[JobId, str]:
    """Send jobs until the disk is full; what was accepted, with its SHA-256."""
    accepted = dict[JobId, str]()
    for number in range(100_000):
        body = os.urandom(sizes[number % len(sizes)])
        try:
            job = await accept(jobs, body)
        except SpoolFullError:
            return accepted
        accepted[job.id] = hashlib.sha256(body).hexdigest()
    raise AssertionError("the disk never fills up")


async def check(jobs: Jobs, accepted: dict[JobId, str]) -> None:
    for job_id, sha256 in accepted.items():
        (document,) = await documents_of(jobs, job_id)
        assert hashlib.sha256(document).hexdigest() == sha256


def fill_to_the_last_byte(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\1" * 4096)


def take(runner: Runner, job: Job) -> None:
    assert job.printer_id is not None
    runner.take(job.id, job.printer_id)


@pytest.mark.timeout(60 + OFFSETS * 10)
async def test_a_disk_that_fills_up_anywhere_loses_nothing(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    chance, kept = randomness("disk full"), 0
    for number in range(OFFSETS):
        with a_small_disk(tmp_path / "small", 16) as disk:
            async with a_job_service(disk / "state", reserve_bytes=2 * MEGABYTE) as jobs:
                kept += await check_one_that_fills_up(jobs, disk, chance.randrange(0, 300_000))
        progress(number + 1, OFFSETS, "full disks")
    proof(f"{OFFSETS} full disks, {kept} accepted jobs, none lost; each took jobs again when freed")


async def check_one_that_fills_up(jobs: Jobs, disk: Path, offset: int) -> int:
    """Fill the disk up from somewhere, make room again; gives how many jobs were accepted."""
    ballast = disk / "ballast"
    ballast.write_bytes(b"\1" * (8 * MEGABYTE + offset))
    accepted = await fill(jobs, (6_000, 200_000, 30_000))
    assert accepted
    await check(jobs, accepted)
    assert not list(files_under(jobs.spool.folder / "incoming"))
    ballast.unlink()
    job = await accept(jobs, b"there is room again")
    await check(jobs, {**accepted, job.id: hashlib.sha256(b"there is room again").hexdigest()})
    return len(accepted)


async def test_jobs_are_released_and_printed_while_the_disk_is_full(jobs: Jobs, disk: Path) -> None:
    printer = FakePrinter()
    runner = Runner(jobs.service, lambda _: printer, a_printer_record)
    jobs.service.listeners.on_pending(lambda job: take(runner, job))
    await runner.start()
    accepted = await fill(jobs, (30_000,))
    fill_to_the_last_byte(disk / "ballast")
    released = 0
    for job_id in list(accepted)[:20]:
        answer = await jobs.service.release(ALDER, ADA, [job_id], PRINTER, Actor("card"))
        released += len(answer.released)
    assert released == 20
    await until(lambda: len(printer.paper) == 20, 20)
    last = printer.paper[-1][0]
    await until(lambda: state_of(jobs, last) is JobState.COMPLETED)
    await runner.stop()


async def test_below_the_watermark_no_job_is_taken_and_above_it_one_is(disk: Path) -> None:
    state, ballast = disk / "state", disk / "ballast"
    async with a_job_service(state, watermark_bytes=4 * MEGABYTE) as jobs:
        assert jobs.service.has_room()
        ballast.write_bytes(b"\1" * (13 * MEGABYTE))
        await until(lambda: not jobs.service.has_room())
        with pytest.raises(SpoolFullError):
            await accept(jobs)
        ballast.unlink()
        await until(jobs.service.has_room)
        assert (await accept(jobs)).number == 1
