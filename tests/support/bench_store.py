"""How many jobs a second the store takes, without the protocols before it::

    python -m tests.support.bench_store [--held 100000] [--state DIR]

Prints one line per case: clients, jobs already held, jobs per second, milliseconds at p50 and p99,
processor microseconds per job; then the span from a release to the first byte at the driver.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.runner import Runner
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import ADA, ALDER, PRINTER, Jobs, a_job_service, accept, facts_of, until

BODY = os.urandom(6 * 1024)
LARGE = os.urandom(1024 * 1024)


async def run_clients(jobs: Jobs, clients: int, each: int, body: bytes) -> str:
    spans = list[float]()

    async def client() -> None:
        for _ in range(each):
            began = time.perf_counter()
            await accept(jobs, body)
            spans.append(time.perf_counter() - began)

    wall, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*[client() for _ in range(clients)])
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    spans.sort()
    p50, p99 = (spans[int(len(spans) * part)] * 1000 for part in (0.5, 0.99))
    rate = len(spans) / wall
    return (
        f"{rate:8.0f} jobs/s {rate * len(body) / 1e6:7.1f} MB/s   p50 {p50:6.2f} ms"
        f"   p99 {p99:6.2f} ms   {processor / len(spans) * 1e6:5.0f} us processor per job"
    )


async def hold(jobs: Jobs, count: int) -> None:
    async def client() -> None:
        for _ in range(count // 64):
            await accept(jobs, b"held", owner_id=None)

    await asyncio.gather(*[client() for _ in range(64)])


async def first_bytes(jobs: Jobs, times: int) -> str:
    printer = FakePrinter()
    runner = Runner(jobs.service, lambda _: printer, a_printer_record)

    def take(job: Job) -> None:
        runner.take(job.id, PRINTER)

    jobs.service.listeners.on_pending(take)
    await runner.start()
    spans = []
    for number in range(times):
        job = await accept(jobs, BODY)
        actor = Actor("card", ADA, tapped_at=time.monotonic())
        began = time.perf_counter()
        await jobs.service.release(ALDER, ADA, [job.id], PRINTER, actor)
        await until(lambda number=number: len(printer.paper) > number)  # type: ignore[misc]
        spans.append(time.perf_counter() - began)
    await runner.stop()
    told = [
        f["body"]["first_byte_ms"] for f in facts_of(jobs) if f["body"].get("event") == "sending"
    ]
    told.sort()
    return f"release to first byte: p50 {told[len(told) // 2]} ms, p95 {told[len(told) * 95 // 100]} ms"


async def run(state: Path, held: int) -> None:
    async with a_job_service(state) as jobs:
        for number in (0, held) if held else (0,):
            if number:
                await hold(jobs, number)
            for clients in (1, 8):
                told = await run_clients(jobs, clients, 4000 // clients, BODY)
                print(f"{clients} clients, {number:6} held: {told}")
        print(f"4 clients,  1 MB each: {await run_clients(jobs, 4, 50, LARGE)}")
        print(await first_bytes(jobs, 100))


@contextlib.contextmanager
def a_state(named: Path | None) -> Iterator[Path]:
    state = named or Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        yield state
    finally:
        if named is None:
            shutil.rmtree(state)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parsed = parser.parse_args(arguments)
    with a_state(parsed.state) as state:
        asyncio.run(run(state, parsed.held))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
