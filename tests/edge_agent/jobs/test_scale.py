"""Held jobs cost disk: not start-up, not memory, not threads, not the rate of the next ones."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.counts import count
from tests.support.job_load import ROOT
from tests.support.jobs import PULL, a_job_service, a_new_job, accept

HELD = count(5_000, 100_000)
LARGE_BYTES = count(200, 2_000) * 1024 * 1024


def copy_rows(path: Path, times: int) -> None:
    """Make the one job of a database many; documents and facts included."""
    database = sqlite3.connect(path)
    for table, number, ids in (
        ("jobs", "number", {"id": "printf('%s-%d', id, n)"}),
        ("documents", "job_number", {"id": "printf('%s-%d', id, n)"}),
        ("outbox_rows", "id", {}),
    ):
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        values = [f"{number} + n" if name == number else ids.get(name, name) for name in names]
        database.execute(
            "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many LIMIT ?)"  # noqa: S608
            f" INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)}"
            f" FROM {table}, many",
            (times - 1,),
        )
    database.execute("UPDATE outbox_lanes SET next_seq = next_seq + ?", (times - 1,))
    database.commit()
    database.close()


@pytest.mark.scaled
@pytest.mark.timeout(600)
async def test_a_gateway_with_many_held_jobs_starts_in_seconds(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    async with a_job_service(tmp_path) as jobs:
        first = await accept(jobs, b"x" * 6000)
    copy_rows(tmp_path / "jobs.db", HELD)
    began = time.monotonic()
    async with a_job_service(tmp_path) as jobs:
        seconds = time.monotonic() - began
        assert await jobs.service.count_active(PULL) == HELD
        assert (await accept(jobs)).number == HELD + 1
        assert await jobs.service.find(first.id) is not None
    proof(f"{HELD} held jobs: started in {seconds:.2f} s")
    assert seconds < 5


@pytest.mark.scaled
@pytest.mark.timeout(600)
def test_held_jobs_take_neither_memory_nor_threads(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    """The same gateway with one held job and with many, each in a program of its own."""

    def look(state: Path, held: int) -> tuple[int, int]:
        run_alone("accept", state)
        copy_rows(state / "jobs.db", held)
        memory, threads = run_alone("held", state).split()
        return int(memory), int(threads)

    few_bytes, few_threads = look(tmp_path / "few", 1)
    many_bytes, many_threads = look(tmp_path / "many", HELD)
    grown = many_bytes - few_bytes
    proof(f"{HELD} held jobs: {grown >> 10} KiB more memory at its peak, {many_threads} threads")
    assert many_threads == few_threads
    assert grown < 48 * 1024 * 1024


@pytest.mark.scaled
@pytest.mark.timeout(600)
def test_a_very_large_document_takes_constant_memory(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    """Run by itself, since this process may have been large before."""
    grown = int(run_alone("large", tmp_path, str(LARGE_BYTES)))
    proof(f"a document of {LARGE_BYTES >> 20} MB: {grown >> 20} MB more memory at its peak")
    assert grown < 48 * 1024 * 1024


def run_alone(what: str, state: Path, *more: str) -> str:
    """Run a part of this file as a program; give what it prints."""
    done = subprocess.run(
        [sys.executable, __file__, what, str(state), *more],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def peak_bytes() -> int:
    """The highest memory of this program; ``ru_maxrss`` would include its starter's."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) * 1024


async def receive_large(state: Path, size: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        chunk = os.urandom(256 * 1024)
        for _ in range(size // len(chunk)):
            yield chunk

    async with a_job_service(state) as jobs:
        await accept(jobs, b"small")
        before = peak_bytes()
        job = await jobs.service.accept(a_new_job(), format="a/b", name="large", body=body())
        assert job.size_bytes == size
        (document,) = await jobs.service.list_documents(job.id)
        read = 0
        async for chunk in jobs.service.open_document(document):
            read += len(chunk)
        assert read == size
        print(peak_bytes() - before)


async def accept_one(state: Path) -> None:
    async with a_job_service(state) as jobs:
        await accept(jobs, b"x" * 6000)


async def look_at_held(state: Path) -> None:
    """Start with what is held, take ten more, list some, and tell what that needed."""
    async with a_job_service(state) as jobs:
        for _ in range(10):
            await accept(jobs, b"y" * 6000)
        held = await jobs.service.list_jobs(a_new_job().account_id, queue_id=PULL, limit=100)
        assert held
        print(peak_bytes(), threading.active_count())


if __name__ == "__main__":
    import asyncio

    part, folder, *rest = sys.argv[1:]
    if part == "large":
        asyncio.run(receive_large(Path(folder), int(rest[0])))
    else:
        asyncio.run({"accept": accept_one, "held": look_at_held}[part](Path(folder)))
