"""A job that was begun at a printer and has no document is taken back, and nobody else's is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.jobs.driver import PrinterUnavailableError, Result
from edge_agent.jobs.model import Job
from edge_agent.output import ipp_leftovers, words
from edge_agent.output.ipp import IppDriver
from edge_agent.output.ipp_client import Body, IppClient, Patience
from shared.clock import SystemClock
from shared.ipp import Operation, attribute, request
from shared.ipp import values as v
from shared.job_states import Hold, JobState
from shared.processes import die_with_parent
from tests.support.deliveries import Heard, a_job, a_page, a_printer, in_chunks
from tests.support.ippeveprinter import EvePrinter, ippeveprinter
from tests.support.job_load import ROOT
from tests.support.jobs import a_job_service
from tests.support.prints_one import PDF

OTHER = b"%PDF-1.7 somebody else's"
BRIEF = Patience(connect=1, answer=2, stall=2, accept=2)


@pytest.fixture
def eve(tmp_path: Path) -> Iterator[EvePrinter]:
    with ippeveprinter(tmp_path) as printer:
        yield printer


@dataclass
class Impatient(SystemClock):
    """A clock on which nobody waits; ``meanwhile`` happens in the long wait."""

    meanwhile: list[asyncio.Task[int]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.gather(*self.meanwhile)
        await asyncio.sleep(min(seconds, 0.05))


async def begin(eve: EvePrinter, user: str, name: str = "report.pdf") -> int:
    """Do as somebody who then dies: begin a job and send no document."""
    about = [attribute("job-name", v.Name(name))]
    asked = request(Operation.CREATE_JOB, eve.uri, user=user, attributes=about)
    answer = await IppClient(eve.uri, patience=BRIEF).ask(asked)
    number = answer.job.find_integer("job-id")
    assert number is not None
    return number


async def send_document(eve: EvePrinter, user: str, number: int, after_seconds: float = 0) -> int:
    """Send the document after all."""
    await asyncio.sleep(after_seconds)
    about = [
        attribute("document-format", v.MimeMediaType("application/pdf")),
        attribute("last-document", v.Boolean(value=True)),
    ]
    asked = request(Operation.SEND_DOCUMENT, eve.uri, user=user, job_id=number, attributes=about)
    answer = await IppClient(eve.uri, patience=BRIEF).ask(asked, Body(len(OTHER), in_chunks(OTHER)))
    return answer.code


def a_driver(clock: SystemClock, *unsent: Job) -> IppDriver:
    async def list_unsent() -> Sequence[Job]:
        return unsent

    return IppDriver(clock, patience=BRIEF, unsent=list_unsent)


async def test_what_was_left_behind_is_taken_back_and_the_job_comes_out_once(
    eve: EvePrinter,
) -> None:
    await begin(eve, "ada")
    clock = Impatient()
    outcome = await a_driver(clock).deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], Heard())
    assert outcome.result is Result.PRINTED
    assert eve.documents() == [PDF]
    assert clock.slept.count(ipp_leftovers.LOOK_SECONDS) == 1


async def test_what_an_earlier_job_of_ours_left_behind_does_not_keep_others_waiting(
    eve: EvePrinter,
) -> None:
    await begin(eve, "ben", "letter")
    mine = a_job(claimed_name="ben", title="letter", state=JobState.CANCELED)
    driver = a_driver(Impatient(), mine)
    outcome = await driver.deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], Heard())
    assert outcome.result is Result.PRINTED


@pytest.mark.parametrize(("user", "name"), [("cleo", "report.pdf"), ("ada", "minutes.pdf")])
async def test_a_job_that_is_not_ours_keeps_its_place(
    eve: EvePrinter, user: str, name: str
) -> None:
    number = await begin(eve, user, name)
    with pytest.raises(PrinterUnavailableError) as error:
        await a_driver(Impatient()).deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], Heard())
    assert error.value.says == words.BUSY
    assert await send_document(eve, user, number) == 0


async def test_a_job_whose_document_comes_while_we_look_keeps_its_place(eve: EvePrinter) -> None:
    """Somebody of the same name sends a document of the same name, only slowly."""
    number = await begin(eve, "ada")
    clock = Impatient()
    clock.meanwhile.append(asyncio.create_task(send_document(eve, "ada", number, 0.2)))
    driver = a_driver(clock)
    with pytest.raises(PrinterUnavailableError):
        await driver.deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], Heard())
    assert eve.documents() == [OTHER]
    outcome = await driver.deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], Heard())
    assert outcome.result is Result.PRINTED
    assert eve.documents() == [OTHER, PDF]


async def test_a_job_that_we_are_sending_ourselves_keeps_its_place(eve: EvePrinter) -> None:
    driver = a_driver(Impatient())
    number = await begin(eve, "ada")
    with driver._leftovers.delivering(eve.uri), pytest.raises(PrinterUnavailableError):
        await driver.deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], Heard())
    assert await send_document(eve, "ada", number) == 0


@pytest.mark.parametrize("step", ["created", "numbered"])
async def test_a_kill_before_the_sending_mark_prints_the_job_once_in_the_next_life(
    eve: EvePrinter, tmp_path: Path, step: str
) -> None:
    assert live(tmp_path, eve, "--die", step) == -9
    assert "Create-Job successful-ok" in eve.log()
    assert live(tmp_path, eve) == 0
    assert eve.documents() == [PDF]
    async with a_job_service(tmp_path / "state") as jobs:
        assert (await jobs.service.get(1)).state is JobState.COMPLETED


async def test_a_kill_after_the_sending_mark_is_shown_as_uncertain_and_frees_the_printer(
    eve: EvePrinter, tmp_path: Path
) -> None:
    assert live(tmp_path, eve, "--die", "marked") == -9
    assert live(tmp_path, eve) == 0
    assert eve.documents() == []
    async with a_job_service(tmp_path / "state") as jobs:
        assert Hold.UNCERTAIN in (await jobs.service.get(1)).holds
    assert await begin(eve, "ben") > 1


def live(folder: Path, eve: EvePrinter, *options: str) -> int:
    """One life of a gateway; how it ended."""
    command = [
        sys.executable, "-m", "tests.support.prints_one", f"{folder / 'state'}", eve.uri, *options
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=60, preexec_fn=die_with_parent)
    return done.returncode
