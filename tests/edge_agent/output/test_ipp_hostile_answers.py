"""The driver against printers that answer what no printer should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from edge_agent.jobs.driver import PrinterUnavailableError, Result
from shared.ipp import Message, Operation, attribute, encode_message, response
from shared.ipp import values as v
from tests.support.ipp_delivery import deliver
from tests.support.ipp_printer import NEW, OLD, Answerer, IppPrinter, job_group, says

HOSTILE: list[Answerer] = [
    lambda *_: b"not ipp at all",
    lambda *_: b"",
    lambda *_: web.Response(status=404),
    lambda *_: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    lambda *_: web.Response(body=b"\x02\x00\x00\x00\x00\x00\x00\x01\x01" + b"\x02" * 2_000_000),
    lambda *_: web.Response(body=b"zip bomb", headers={"Content-Encoding": "gzip"}),
    says(0, job_group(job_id=0)),
    says(0, job_group(job_id=-5)),
    says(0),
]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_answer_before_anything_was_sent_is_an_unavailable_printer(
    hostile: Callable[[Message, bytes], Message],
) -> None:
    fake = IppPrinter(NEW, answers={Operation.CREATE_JOB: hostile})
    with pytest.raises(PrinterUnavailableError):
        await deliver(fake)
    assert fake.documents == []


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_answer_to_print_job_leaves_the_outcome_unknown(
    hostile: Callable[[Message, bytes], Message],
) -> None:
    outcome = await deliver(IppPrinter(OLD, answers={Operation.PRINT_JOB: hostile}))
    assert outcome.result is Result.UNKNOWN


@pytest.mark.parametrize("hostile", HOSTILE[:6])
async def test_a_hostile_answer_about_capabilities_is_an_unavailable_printer(
    hostile: Callable[[Message, bytes], Message],
) -> None:
    with pytest.raises(PrinterUnavailableError):
        await deliver(IppPrinter(answers={Operation.GET_PRINTER_ATTRIBUTES: hostile}))


@pytest.mark.parametrize("count", [-1, 10_000_001, 2**31 - 1])
async def test_an_absurd_number_of_pages_is_no_number(count: int) -> None:
    ended = job_group(attribute("job-impressions-completed", v.Integer(count)))
    outcome = await deliver(IppPrinter(NEW, answers={0x09: says(0, ended)}))
    assert (outcome.result, outcome.impressions_completed) == (Result.PRINTED, None)


async def test_text_that_is_not_utf_8_is_taken_from_a_printer() -> None:
    latin = attribute("job-state-message", v.Text("x"))
    answer = response(0, None, groups=[job_group(latin)])

    def in_latin_1(_request: Message, _document: bytes) -> bytes:
        return encode_message(answer).replace(b"\x00\x01x", b"\x00\x01\xe4")

    outcome = await deliver(IppPrinter(NEW, answers={0x09: in_latin_1}))
    assert outcome.result is Result.PRINTED
