"""A gateway's job service under load in a child process, to be killed, starved and cut off.

Run as a program it accepts, releases and prints jobs until it is ended; each line it prints is
flushed before it goes on::

    ready                        jobs of earlier lives are recovered
    begin <k>                    request k is on its way
    acked <k> <job id> <sha256>  request k was answered: the job must survive anything now
    full <k>                     request k was refused: no room

What "comes out of the printer" is appended to ``<paper>``, one job id per line.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge_agent.jobs.delivery import Delivery
from edge_agent.jobs.errors import JobStoreError, SpoolFullError
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.runner import Runner
from edge_agent.jobs.store import JobStore
from edge_agent.spool.durable import end_process
from edge_agent.spool.incoming import IncomingFile
from edge_agent.spool.keys import DayKeys
from edge_agent.spool.segments import Segments
from edge_agent.spool.spool import Spool
from shared.ids import JobId
from shared.job_states import Hold, JobState
from shared.processes import die_with_parent
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import (
    ADA,
    ALDER,
    PRINTER,
    Jobs,
    a_job_service,
    accept,
    documents_of,
    in_pieces,
)

ROOT: Final = Path(__file__).resolve().parents[2]
SIZES: Final = (0, 700, 6_000, 6_000, 6_000, 60_000, 90_000, 700_000)

# Where a child can be told to die: "after:<step>:<n>" or "before:<step>:<n>".
STEPS: Final[Mapping[str, tuple[type[Any], str]]] = {
    "segment-append": (Segments, "append"),
    "segment-sync": (Segments, "sync"),
    "segment-forget": (Segments, "forget"),
    "file-begin": (IncomingFile, "_begin"),
    "file-finish": (IncomingFile, "finish"),
    "key-made": (DayKeys, "_make"),
    "commit": (JobStore, "_make_durable"),
    "answer": (JobStore, "_settle"),
    "started": (Delivery, "_start"),
    "ended": (Delivery, "_end"),
    "erase": (Spool, "erase"),
}


class Paper(FakePrinter):
    """A printer whose paper outlives the gateway; like a real one it cannot be asked."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def deliver(self, printer: Any, job: Any, documents: Any, on_progress: Any) -> Any:
        outcome = await super().deliver(printer, job, documents, on_progress)
        with self._path.open("a") as paper:
            paper.write(f"{job.id} {hashlib.sha256(self.paper.pop()[1]).hexdigest()}\n")
        return outcome


def die_at(step: str) -> None:
    """Kill this process before or after the n-th time that a step is taken."""
    when, name, count = step.split(":")
    owner, method = STEPS[name]
    original: Callable[..., Any] = getattr(owner, method)
    taken = itertools.count(1)

    @functools.wraps(original)
    def dying(*values: Any, **named: Any) -> Any:
        is_the_one = next(taken) == int(count)
        if when == "before" and is_the_one:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*values, **named)
        if when == "after" and is_the_one:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, method, dying)


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def load(arguments: argparse.Namespace) -> None:
    printer = Paper(arguments.paper)
    options: dict[str, Any] = {"fatal": end_process, "segment_bytes": 256 * 1024}
    async with a_job_service(arguments.state, **options) as jobs:
        runner = Runner(jobs.service, lambda _: printer, a_printer_record)
        jobs.service.listeners.on_pending(lambda job: take(runner, job))
        await runner.start()
        tell("ready")
        chance = random.Random(arguments.seed)
        async with asyncio.TaskGroup() as group:
            for n in range(arguments.clients):
                group.create_task(client(jobs, random.Random(chance.random()), n, arguments.jobs))
        await runner.stop()


def take(runner: Runner, job: Job) -> None:
    assert job.printer_id is not None
    runner.take(job.id, job.printer_id)


async def client(jobs: Jobs, chance: random.Random, name: int, count: int) -> None:
    for number in range(count):
        request = f"{name}.{number}"
        body = chance.randbytes(chance.choice(SIZES))
        tell("begin", request)
        try:
            job = await accept(jobs, in_pieces(body, 16_384))  # type: ignore[arg-type]
        except SpoolFullError:
            tell("full", request)
            await asyncio.sleep(0.01)
            continue
        tell("acked", request, job.id, hashlib.sha256(body).hexdigest())
        try:
            await change(jobs, chance, job.id)
        except (SpoolFullError, JobStoreError):
            await asyncio.sleep(0.01)


async def change(jobs: Jobs, chance: random.Random, job_id: JobId) -> None:
    """Release one in four; cancel none, since an acknowledged job is looked for afterwards."""
    if chance.random() < 0.25:
        await jobs.service.release(ALDER, ADA, [job_id], PRINTER, Actor("card"))


@dataclass
class Child:
    """The program above, running."""

    process: subprocess.Popen[bytes]
    acked: dict[JobId, str] = field(default_factory=dict)  # job to SHA-256
    unanswered: set[str] = field(default_factory=set)
    refused: int = 0
    is_ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.endswith(b"\n"):
                break
            word, *rest = line.decode().split()
            if word == "begin":
                self.unanswered.add(rest[0])
            elif word == "acked":
                self.unanswered.discard(rest[0])
                self.acked[JobId(rest[1])] = rest[2]
            elif word == "full":
                self.unanswered.discard(rest[0])
                self.refused += 1
            elif word == "ready":
                self.is_ready.set()
        self.is_ready.set()

    def kill(self) -> None:
        self.process.kill()
        self.wait()

    def wait(self, seconds: float = 30.0) -> int:
        """Wait for its end; everything it said is read then."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def run_for(self, seconds: float) -> None:
        """Let it work for a while after it is ready."""
        assert self.is_ready.wait(30)
        time.sleep(seconds)


def start_child(state: Path, *options: str, environment: Mapping[str, str] | None = None) -> Child:
    """Start the program; ``options`` as in ``main``."""
    command = [sys.executable, "-m", "tests.support.job_load", str(state), *options]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        preexec_fn=die_with_parent,  # noqa: PLW1509
    )
    return Child(process)


@dataclass
class Ledger:
    """What must be true after any number of lives of a gateway."""

    acked: dict[JobId, str] = field(default_factory=dict)
    kills: int = 0
    kills_with_unanswered: int = 0

    def add(self, child: Child) -> None:
        self.acked.update(child.acked)
        self.kills += 1
        self.kills_with_unanswered += bool(child.unanswered)

    def add_all(self, other: Ledger) -> None:
        self.acked.update(other.acked)
        self.kills += other.kills
        self.kills_with_unanswered += other.kills_with_unanswered

    async def check(self, state: Path, paper: Path) -> None:
        """Every acknowledged job is held, on its way, uncertain or on paper; none twice."""
        lines = paper.read_text().splitlines() if paper.exists() else []
        printed = dict(line.split() for line in lines)
        assert len(printed) == len(lines), "paper came twice"
        async with a_job_service(state) as jobs:
            for job_id, sha256 in self.acked.items():
                job = await jobs.service.find(job_id)
                assert job is not None, f"the acknowledged job {job_id} is lost"
                await self._check_job(jobs, job, sha256, printed.get(job_id))
            assert integrity(jobs) == "ok"

    async def _check_job(self, jobs: Jobs, job: Job, sha256: str, printed: str | None) -> None:
        if job.state is JobState.COMPLETED:
            assert printed == sha256, "completed, and not on paper"
            return
        (document,) = await documents_of(jobs, job.id)
        assert hashlib.sha256(document).hexdigest() == sha256
        if printed is not None:
            # It came out and the gateway died before it could say so: never free to go again.
            assert job.sending or Hold.UNCERTAIN in job.holds


def integrity(jobs: Jobs) -> str:
    return str(jobs.store.look(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="per client")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--die", help="before|after:<step>:<n>")
    parser.add_argument("--paper", type=Path, required=True)
    parsed = parser.parse_args(arguments)
    if parsed.die:
        die_at(parsed.die)
    asyncio.run(load(parsed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
