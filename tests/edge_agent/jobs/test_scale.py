"""Held jobs cost disk: not start-up, not memory, not the rate of the next ones."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
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
def test_a_very_large_document_takes_constant_memory(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    """Run by itself, since this process may have been large before."""
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path), str(LARGE_BYTES)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout)
    proof(f"a document of {LARGE_BYTES >> 20} MB: {grown >> 20} MB more memory at its peak")
    assert grown < 48 * 1024 * 1024


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


if __name__ == "__main__":
    import asyncio

    asyncio.run(receive_large(Path(sys.argv[1]), int(sys.argv[2])))
