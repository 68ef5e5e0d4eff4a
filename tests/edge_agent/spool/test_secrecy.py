"""What lies on the disk itself, deleted blocks included: no document in clear, no key that is over."""

from __future__ import annotations

import asyncio
import gzip
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.counting.counter import PageCounter
from edge_agent.intake.attributes import keyword
from edge_agent.jobs.model import SYSTEM, Actor
from edge_agent.jobs.runner import Runner
from shared.ipp.enums import Operation, Status
from shared.job_states import JobState
from tests.support.counts import count
from tests.support.disks import CutDisk, needs_root
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.intake import IntakeSite, an_intake_site
from tests.support.job_load import take
from tests.support.jobs import files_under, until
from tests.support.samples import a_pdf

MARKER = b"PLAINTEXT-MARKER-OF-ADA-"
TWIN = b"TWIN-THAT-LIES-IN-CLEAR-"
JOBS = count(12, 200)
SIZES = (500, 40_000, 300_000)


def times_in(image: Path, wanted: bytes) -> int:
    """How often some octets stand on the raw disk."""
    os.sync()
    with image.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as disk:
        found, at = 0, disk.find(wanted)
        while at >= 0:
            found, at = found + 1, disk.find(wanted, at + 1)
        return found


async def send(site: IntakeSite, number: int) -> None:
    """A PDF that names the marker on and on, by turns compressed, in one step or two."""
    body = a_pdf(1) + MARKER * (SIZES[number % len(SIZES)] // len(MARKER))
    attributes = []
    if number % 2:
        body, attributes = gzip.compress(body), [keyword("compression", "gzip")]
    answer = await site.ipp(Operation.PRINT_JOB, "pull", attributes=attributes, body=body)
    assert answer.code == Status.SUCCESSFUL_OK


async def print_some(site: IntakeSite) -> int:
    """Let every third job out; gives how many came."""
    printer, jobs, ada = FakePrinter(), site.jobs.service, site.people.alder.users["ada"]
    runner = Runner(jobs, lambda _: printer, a_printer_record)
    jobs.listeners.on_pending(lambda job: take(runner, job))
    await runner.start()
    held = [job.id for job in await jobs.list_jobs(site.people.alder.id, limit=1000)][::3]
    await jobs.release(site.people.alder.id, ada.id, held, site.people.printer_id, Actor("card"))
    await until(lambda: len(printer.paper) == len(held), 60)
    await runner.stop()
    assert all(MARKER in document for _, document in printer.paper)
    return len(held)


@needs_root
@pytest.mark.root
@pytest.mark.scaled
@pytest.mark.timeout(300)
async def test_a_raw_disk_shows_no_document_and_after_erasure_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proof: Callable[[str], None]
) -> None:
    disk = CutDisk(tmp_path / "disk")
    with disk.mounted() as live:
        (live / "tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(live / "tmp"))
        monkeypatch.setattr(tempfile, "tempdir", None)
        (live / "twin").write_bytes(TWIN * 10)
        async with an_intake_site(live, counter=PageCounter(), segment_bytes=256 * 1024) as site:
            for number in range(JOBS):
                await send(site, number)
            printed = await print_some(site)
            assert (times_in(disk.image, TWIN), times_in(disk.image, MARKER)) == (10, 0)
            (key_file,) = files_under(live / "keys")
            key = key_file.read_bytes()
            assert times_in(disk.image, key) >= 1
            await erase_all(site)
            assert times_in(disk.image, key) == 0
            assert times_in(disk.image, MARKER) == 0
            await wal_is_cut(site)
    assert times_in(disk.image, TWIN) == 10
    assert times_in(disk.image, MARKER) == 0
    assert times_in(disk.image, key) == 0
    proof(
        f"{JOBS} documents taken, {printed} of them printed, the others erased: on the raw disk the"
        " marker stands 0 times, the day's key 0 times after erasure, a twin in clear 10 times"
    )


async def wal_is_cut(site: IntakeSite) -> None:
    """What was counted since the erasure is in it, and may go first."""
    wal = site.folder / "jobs.db-wal"
    async with asyncio.timeout(20):
        while wal.stat().st_size:
            await site.jobs.store.checkpoint()


async def erase_all(site: IntakeSite) -> None:
    jobs = site.jobs.service
    for job in await jobs.list_jobs(site.people.alder.id, limit=1000):
        await jobs.cancel(job.id, SYSTEM)
    await jobs.retention.tick()
    async with asyncio.timeout(20):
        while list(files_under(site.folder / "keys")):
            await jobs.retention.tick()
            await asyncio.sleep(0.1)
    ended = await jobs.list_jobs(site.people.alder.id, completed=True, limit=1000)
    assert {job.state for job in ended} == {JobState.COMPLETED, JobState.CANCELED}
