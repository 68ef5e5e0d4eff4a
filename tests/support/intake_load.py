"""A gateway's intake in a child process, to be killed while clients outside send it jobs.

Run as a program it takes IPP and LPD on free ports, prints what its direct queue is sent, and
prints one line of its own: ``ready <ipp port> <lpd port>``. The clients live in the test's process,
so they know after a kill what was answered and what was not.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_agent.intake.lpd_server import LpdServer
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.runner import Runner
from edge_agent.jobs.service import JobService
from edge_agent.jobs.transaction import select_jobs
from edge_agent.spool.durable import end_process
from shared.ids import GatewayId
from shared.job_states import Hold, JobState
from shared.processes import die_with_parent
from tests.support import people as people_module
from tests.support.drivers import a_printer_record
from tests.support.intake import an_intake_site
from tests.support.job_load import ROOT, SIZES, Paper, integrity, take
from tests.support.jobs import PRINTER, Jobs, a_job_service, documents_of
from tests.support.people import People, people
from tests.support.wire_clients import print_by_ipp, print_by_lpd

IPP_CLIENTS: Final = 5
LPD_CLIENTS: Final = 3
MOST_TOLD: Final = 40  # jobs acknowledged in one life of the gateway, about
LONGEST_LIFE_SECONDS: Final = 5.0


class Gateway:
    """The program below, running."""

    def __init__(self, state: Path, paper: Path) -> None:
        command = [sys.executable, "-m", "tests.support.intake_load", str(state), str(paper)]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )
        self.ipp_port = self.lpd_port = 0

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        assert words[:1] == [b"ready"], "the gateway does not start"
        self.ipp_port, self.lpd_port = int(words[1]), int(words[2])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()


@dataclass
class WireLedger:
    """What clients sent in all lives of a gateway, and what they were told of it."""

    sent: dict[str, str] = field(default_factory=dict)  # name of a job to SHA-256
    acked: set[str] = field(default_factory=set)
    protocols: Counter[str] = field(default_factory=Counter)  # of the acknowledged
    kills: int = 0
    kills_with_unanswered: int = 0

    async def live_and_die(self, state: Path, paper: Path, chance: random.Random) -> None:
        """Start the gateway, let eight clients send, and kill it at some moment."""
        gateway, before = Gateway(state, paper), len(self.sent) - len(self.acked)
        try:
            await asyncio.to_thread(gateway.wait_until_ready)
            clients = [
                asyncio.create_task(self._send(number, gateway, random.Random(chance.random())))
                for number in range(IPP_CLIENTS + LPD_CLIENTS)
            ]
            await self._until_told(len(self.acked) + chance.randrange(MOST_TOLD))
            await asyncio.sleep(chance.uniform(0.0, 0.05))
            gateway.kill()
            async with asyncio.timeout(30):
                await asyncio.gather(*clients)
        finally:
            gateway.kill()
        self.kills += 1
        self.kills_with_unanswered += len(self.sent) - len(self.acked) > before

    async def _until_told(self, wanted: int) -> None:
        """A life is as long as its work: on a busy machine, too, it has some."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_LIFE_SECONDS):
                while len(self.acked) < wanted:
                    await asyncio.sleep(0.002)

    async def _send(self, client: int, gateway: Gateway, chance: random.Random) -> None:
        """Send job after job until the gateway is gone."""
        is_ipp = client < IPP_CLIENTS
        for number in itertools.count():
            name = f"{self.kills}.{client}.{number}"
            body = chance.randbytes(chance.choice(SIZES[1:]))
            queue = "direct" if chance.random() < 0.25 else "pull"
            self.sent[name] = hashlib.sha256(body).hexdigest()
            try:
                if is_ipp:
                    taken = await print_by_ipp(gateway.ipp_port, queue, name, body, chance)
                else:
                    taken = await print_by_lpd(gateway.lpd_port, queue, name, body, chance)
            except (OSError, EOFError):
                return
            assert taken, f"{name} was refused"
            self.acked.add(name)
            self.protocols["IPP" if is_ipp else "LPD"] += 1

    async def check(self, state: Path, paper: Path) -> int:
        """Send everything to the printer; gives how many jobs wait for a person to look.

        Every acknowledged job is there once, and comes out once, with the octets that were sent.
        """
        async with a_job_service(state) as jobs:
            self._check_is_all(await _all_jobs(jobs))
            await self._check_uncertain(jobs)
            await print_everything(jobs, paper)
            found = self._check_is_all(await _all_jobs(jobs))
            assert integrity(jobs) == "ok"
        lines = paper.read_text().splitlines()
        printed = dict(line.split() for line in lines)
        assert len(printed) == len(lines), "paper came twice"
        settled = [name for name in self.acked if Hold.UNCERTAIN not in found[name].holds]
        for name in settled:
            assert found[name].state is JobState.COMPLETED, f"{name} was not printed"
            assert printed[found[name].id] == self.sent[name], f"{name} came out changed"
        return len(self.acked) - len(settled)

    def _check_is_all(self, jobs: Sequence[Job]) -> dict[str, Job]:
        """Check that acknowledged jobs are there, and none twice; give them by their names."""
        ours = [job for job in jobs if job.title in self.sent]
        found = {job.title: job for job in ours}
        assert len(found) == len(ours), "a job is there twice"
        lost = self.acked - found.keys()
        assert not lost, f"acknowledged and lost: {sorted(lost)[:20]}"
        return found

    async def _check_uncertain(self, jobs: Jobs) -> None:
        """What may have been on paper when the gateway died keeps its document."""
        for job in await _all_jobs(jobs):
            if Hold.UNCERTAIN in job.holds and job.title in self.acked:
                (document,) = await documents_of(jobs, job.id)
                assert hashlib.sha256(document).hexdigest() == self.sent[job.title]


async def _all_jobs(jobs: Jobs) -> Sequence[Job]:
    return await jobs.store.read(lambda c: select_jobs(c, "number > ?", (0,)))


def print_on(jobs: JobService, paper: Path) -> Runner:
    """A runner whose printer's paper outlives it."""
    printer = Paper(paper)
    runner = Runner(jobs, lambda _: printer, a_printer_record)
    jobs.listeners.on_pending(lambda job: take(runner, job))
    return runner


async def print_everything(jobs: Jobs, paper: Path) -> None:
    """Release what waits for its owner, and wait until the printer has it all."""
    runner = print_on(jobs.service, paper)
    await runner.start()
    for job in await _all_jobs(jobs):
        if job.holds == frozenset({Hold.OWNER}):
            assert job.owner_id is not None
            answer = await jobs.service.release(
                job.account_id, job.owner_id, [job.id], PRINTER, Actor("card")
            )
            assert answer.released == (job.id,)
    on_their_way = "state IN (3, 5, 6) LIMIT ?"
    async with asyncio.timeout(900):
        while await jobs.store.read(lambda c: select_jobs(c, on_their_way, (1,))):
            await asyncio.sleep(0.05)
    await runner.stop()


# --- the program ----------------------------------------------------------------------------------


def the_same_people(folder: Path) -> People:
    """Ada and the others, with identifiers that are the same in each life of the gateway."""
    numbers = itertools.count(1)
    name = "new_id"  # of the module; this is a program of its own
    setattr(people_module, name, lambda: f"01a00000-0000-7000-8000-{next(numbers):012x}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("replica.db*"):
        old.unlink()
    return people(folder, gateway_id=GatewayId("01a00000-0000-7000-8000-ffffffffffff"))


async def serve(state: Path, paper: Path) -> None:
    known = the_same_people(state / "people")
    async with an_intake_site(
        state, known=known, fatal=end_process, segment_bytes=256 * 1024
    ) as site:
        jobs = site.jobs.service
        await print_on(jobs, paper).start()
        lpd = LpdServer(jobs=jobs, directory=known.directory, audit=site.audit, port=0)
        await lpd.start()
        print(f"ready {site.port} {lpd.port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
