"""A gateway's job service and IPP driver that print one job at a real printer, or die over it.

Run as a program: ``prints_one <state> <printer's address> [--die STEP]``. The first life accepts
and releases a job; each later one goes on with what it finds. It ends when no job is on its way.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from edge_agent.jobs import queries
from edge_agent.jobs.delivery import Delivery
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.runner import Runner
from edge_agent.output.ipp import IppDriver
from edge_agent.output.ipp_delivery import Delivery as IppDelivery
from shared.clock import SystemClock
from shared.messages.records import PrinterRecord
from tests.support.jobs import ADA, ALDER, PRINTER, Jobs, a_job_service, accept

PDF: Final = b"%PDF-1.7 one page that comes once"
_SECONDS: Final = 40.0

# What has happened when it dies. Between them the printer has the job, and waits for its document.
STEPS: Final[Mapping[str, tuple[type[Any], str]]] = {
    "created": (Delivery, "on_progress"),  # Create-Job is answered, nothing is written down
    "numbered": (Delivery, "_mark_sending"),  # its number is on disk, the sending mark is not
    "marked": (IppDelivery, "_send_document"),  # both are; no byte has left
}


def die_at(step: str) -> None:
    def dying(*_: Any, **__: Any) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it lives")

    owner, method = STEPS[step]
    setattr(owner, method, dying)


async def work(state: Path, uri: str) -> None:
    async with a_job_service(state) as jobs:
        driver = IppDriver(SystemClock(), unsent=lambda: unsent(jobs))
        runner = Runner(jobs.service, lambda _: driver, lambda _: a_record(uri))
        jobs.service.listeners.on_pending(lambda job: take(runner, job))
        await runner.start()
        if await jobs.service.find(1) is None:
            job = await accept(jobs, PDF, claimed_name="ada")
            await jobs.service.release(ALDER, ADA, [job.id], PRINTER, Actor("card"))
        async with asyncio.timeout(_SECONDS):
            while jobs.service.figures()["jobs_on_their_way"]:
                await asyncio.sleep(0.05)
        await runner.stop()


async def unsent(jobs: Jobs) -> Sequence[Job]:
    return await jobs.store.read(lambda c: queries.list_unsent(c, 0))


def a_record(uri: str) -> PrinterRecord:
    return PrinterRecord(PRINTER, "Office", uri)


def take(runner: Runner, job: Job) -> None:
    assert job.printer_id is not None
    runner.take(job.id, job.printer_id)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("uri")
    parser.add_argument("--die", choices=STEPS)
    parsed = parser.parse_args(arguments)
    if parsed.die:
        die_at(parsed.die)
    asyncio.run(work(parsed.state, parsed.uri))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
