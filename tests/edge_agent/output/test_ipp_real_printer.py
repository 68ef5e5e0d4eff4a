"""The driver against CUPS' own printer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.jobs.driver import PrinterUnavailableError, Progress, Result
from edge_agent.output import words
from edge_agent.output.ipp import IppDriver
from edge_agent.output.ipp_client import Patience
from shared.clock import SystemClock
from shared.ipp import attribute, each
from shared.ipp import values as v
from tests.support.deliveries import Heard, a_job, a_page, a_printer
from tests.support.ippeveprinter import EvePrinter, ippeveprinter

PDF = b"%PDF-1.4 " + bytes(range(256)) * 1000
BRIEF = Patience(connect=1, answer=2, stall=2, accept=2)


@pytest.fixture
def eve(tmp_path: Path) -> Iterator[EvePrinter]:
    with ippeveprinter(tmp_path, options=["-2"]) as printer:
        yield printer


@pytest.fixture
def driver() -> IppDriver:
    return IppDriver(SystemClock(), patience=BRIEF)


async def test_what_comes_out_is_what_went_in_byte_for_byte(
    eve: EvePrinter, driver: IppDriver
) -> None:
    heard = Heard()
    outcome = await driver.deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], heard)
    assert (outcome.result, outcome.says) == (Result.PRINTED, words.PRINTED)
    assert eve.documents() == [PDF]
    assert heard.progress == [Progress(printer_job_id=outcome.printer_job_id, first_byte=True)]
    assert outcome.impressions_completed is not None


async def test_a_large_document_streams_through(eve: EvePrinter, driver: IppDriver) -> None:
    large = os.urandom(8 * 1024 * 1024)
    outcome = await driver.deliver(a_printer(eve.uri), a_job(), [a_page(large)], Heard())
    assert outcome.result is Result.PRINTED
    assert eve.documents() == [large]


async def test_sides_copies_name_and_user_arrive_and_a_hold_does_not(
    eve: EvePrinter, driver: IppDriver
) -> None:
    job = a_job(
        attribute("copies", v.Integer(2)),
        attribute("sides", v.Keyword("two-sided-long-edge")),
        attribute("job-hold-until", v.Keyword("indefinite")),
        title="quarter\n4",
        claimed_name="ada",
    )
    outcome = await driver.deliver(a_printer(eve.uri), job, [a_page(PDF)], Heard())
    assert (outcome.result, outcome.says) == (Result.PRINTED, words.PRINTED)
    log = eve.log()
    for line in (
        "copies (integer) 2",
        "sides (keyword) two-sided-long-edge",
        "job-name (nameWithoutLanguage) quarter 4",
        "requesting-user-name (nameWithoutLanguage) ada",
    ):
        assert line in log
    assert "job-hold-until (keyword) indefinite" not in log


async def test_what_the_printer_cannot_do_is_named_and_not_sent(
    eve: EvePrinter, driver: IppDriver
) -> None:
    job = a_job(
        attribute("copies", v.Integer(5000)),
        each("media", v.Keyword, ["iso_a4_210x297mm"]),
        attribute("sheet-collate", v.Keyword("collated")),
    )
    outcome = await driver.deliver(a_printer(eve.uri), job, [a_page(PDF)], Heard())
    assert outcome.result is Result.PRINTED
    assert outcome.says.startswith(f"{words.PRINTED} {words.CANNOT_DO} copies=5000")
    assert "media=" not in outcome.says


async def test_several_documents_all_come_out(eve: EvePrinter, driver: IppDriver) -> None:
    pages = [a_page(PDF), a_page(PDF * 2, number=2)]
    outcome = await driver.deliver(a_printer(eve.uri), a_job(), pages, Heard())
    assert outcome.result is Result.PRINTED
    assert eve.documents() == [PDF, PDF * 2]


async def test_a_printer_that_is_off_is_unavailable_and_nothing_was_sent(
    eve: EvePrinter, driver: IppDriver
) -> None:
    eve.kill()
    heard = Heard()
    with pytest.raises(PrinterUnavailableError) as error:
        await driver.deliver(a_printer(eve.uri), a_job(), [a_page(PDF)], heard)
    assert error.value.says == words.UNREACHABLE
    assert heard.progress == []


async def test_a_printer_switched_off_between_two_jobs_is_unavailable(
    eve: EvePrinter, driver: IppDriver
) -> None:
    printer = a_printer(eve.uri)
    await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
    eve.kill()
    with pytest.raises(PrinterUnavailableError):
        await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())


async def test_a_printer_switched_off_in_mid_document_leaves_the_outcome_unknown(
    eve: EvePrinter, driver: IppDriver
) -> None:
    async def until_the_plug_is_pulled() -> AsyncIterator[bytes]:
        yield PDF
        await asyncio.to_thread(eve.kill)
        for _ in range(100):
            yield PDF

    page = a_page(PDF * 101)
    broken = replace(page, open=until_the_plug_is_pulled)
    outcome = await driver.deliver(a_printer(eve.uri), a_job(), [broken], Heard())
    assert (outcome.result, outcome.says) == (Result.UNKNOWN, words.BROKE_OFF)
    assert outcome.printer_job_id is not None


async def test_a_document_that_cannot_be_read_is_our_own_error_and_the_printer_is_told(
    eve: EvePrinter, driver: IppDriver
) -> None:
    async def damaged() -> AsyncIterator[bytes]:
        yield PDF
        raise ZeroDivisionError("the document is damaged")

    printer = a_printer(eve.uri)
    broken = replace(a_page(PDF * 2), open=damaged)
    with pytest.raises(ZeroDivisionError):
        await driver.deliver(printer, a_job(), [broken], Heard())
    assert "Cancel-Job" in eve.log()


def waits_for_go(folder: Path) -> str:
    """A print command that takes as long as the test likes."""
    command = folder / "slow"
    command.write_text("#!/bin/sh\nwhile [ ! -e $(dirname $0)/go ]; do sleep 0.05; done\n")
    command.chmod(0o755)
    return str(command)


async def test_a_busy_printer_is_unavailable_and_prints_it_later(tmp_path: Path) -> None:
    driver = IppDriver(SystemClock(), patience=BRIEF)
    with ippeveprinter(tmp_path, options=["-c", waits_for_go(tmp_path)]) as eve:
        printer = a_printer(eve.uri)
        async with asyncio.TaskGroup() as group:
            heard = Heard()
            first = group.create_task(driver.deliver(printer, a_job(), [a_page(PDF)], heard))
            while not heard.progress:
                await asyncio.sleep(0.01)
            with pytest.raises(PrinterUnavailableError) as error:
                await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
            assert error.value.says == words.BUSY
            (tmp_path / "go").touch()
        assert first.result().result is Result.PRINTED
        second = await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
        assert second.result is Result.PRINTED
        assert eve.documents() == [PDF, PDF]


async def test_after_a_crash_the_printer_tells_what_became_of_the_job(
    eve: EvePrinter, driver: IppDriver
) -> None:
    printer = a_printer(eve.uri)
    outcome = await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
    told = await driver.ask(printer, a_job(printer_job_id=outcome.printer_job_id))
    assert told is not None
    assert told.result is Result.PRINTED


async def test_after_a_crash_nobody_tells_of_a_job_that_the_printer_does_not_know(
    eve: EvePrinter, driver: IppDriver
) -> None:
    printer = a_printer(eve.uri)
    assert await driver.ask(printer, a_job(printer_job_id=777)) is None
    assert await driver.ask(printer, a_job()) is None
    eve.kill()
    assert await driver.ask(printer, a_job(printer_job_id=1)) is None


async def test_a_job_canceled_while_it_prints_ends_as_canceled_at_the_printer(
    tmp_path: Path,
) -> None:
    driver = IppDriver(SystemClock(), patience=BRIEF)
    with ippeveprinter(tmp_path, options=["-c", waits_for_go(tmp_path)]) as eve:
        printer, heard = a_printer(eve.uri), Heard()
        async with asyncio.TaskGroup() as group:
            first = group.create_task(driver.deliver(printer, a_job(), [a_page(PDF)], heard))
            while not heard.progress:
                await asyncio.sleep(0.01)
            number = heard.progress[0].printer_job_id
            while "Running command" not in eve.log():
                await asyncio.sleep(0.01)
            await driver.cancel(printer, a_job(printer_job_id=number))
            (tmp_path / "go").touch()
        assert first.result().result is Result.CANCELED_AT_PRINTER
