"""What a printer says it can do decides what it is asked to do."""

from __future__ import annotations

import pytest

from edge_agent.jobs.driver import PrinterUnavailableError
from edge_agent.output import words
from edge_agent.output.ipp import IppDriver
from shared.ipp import Operation, Status, attribute, each
from shared.ipp import values as v
from tests.support.deliveries import Heard, a_job, a_page, a_printer
from tests.support.ipp_delivery import HASTY, PDF, HurriedClock, deliver
from tests.support.ipp_printer import NEW, IppPrinter, ipp_printer, says


async def test_only_wishes_within_what_is_supported_are_sent() -> None:
    fake = IppPrinter(
        NEW,
        [
            attribute("copies-supported", v.RangeOfInteger(1, 10)),
            each("sides-supported", v.Keyword, ["one-sided"]),
            attribute("page-ranges-supported", v.Boolean(value=True)),
            attribute("number-up-supported", v.Integer(1), v.Integer(2)),
            each("print-quality-supported", v.Enum, [4, 5]),
            each("media-col-supported", v.Keyword, ["media-size"]),
            each("job-creation-attributes-supported", v.Keyword, ["job-sheet-message"]),
        ],
    )
    size = attribute("media-size", v.Collection((attribute("x-dimension", v.Integer(1)),)))
    kind = attribute("media-type", v.Keyword("stationery"))
    good = (
        attribute("copies", v.Integer(10)),
        attribute("page-ranges", v.RangeOfInteger(1, 3), v.RangeOfInteger(5, 9)),
        attribute("number-up", v.Integer(2)),
        attribute("print-quality", v.Enum(5)),
        attribute("media-col", v.Collection((size,))),
        attribute("job-sheet-message", v.Text("hello")),
    )
    bad = (
        attribute("copies", v.Integer(11)),
        attribute("sides", v.Keyword("two-sided-long-edge")),
        attribute("print-quality", v.Enum(3)),
        attribute("media-col", v.Collection((size, kind))),
        attribute("finishings", v.Enum(4)),
        attribute("job-hold-until", v.Keyword("indefinite")),
        attribute("job-hold-until-time", v.NO_VALUE),
    )
    outcome = await deliver(fake, *good, *bad)
    assert fake.asked(Operation.CREATE_JOB)[0].job.attributes == good
    left_out = outcome.says.removeprefix(f"{words.PRINTED} {words.CANNOT_DO} ")
    assert left_out == (
        "copies=11, sides=two-sided-long-edge, print-quality=3, "
        "media-col={media-size={x-dimension=1} media-type=stationery}, finishings=4"
    )


async def test_capabilities_are_asked_once_a_minute_and_again_after_trouble() -> None:
    clock = HurriedClock()
    driver = IppDriver(clock, patience=HASTY)
    async with ipp_printer(IppPrinter(NEW)) as fake:
        printer = a_printer(fake.uri)
        for _ in range(3):
            await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
        asked = [r for r in fake.asked(0x0B) if "job-template" in str(r.operation)]
        assert len(asked) == 1
        fake.answers[Operation.CREATE_JOB] = says(Status.SERVER_ERROR_BUSY)
        with pytest.raises(PrinterUnavailableError):
            await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
        fake.answers.clear()
        await driver.deliver(printer, a_job(), [a_page(PDF)], Heard())
        asked = [r for r in fake.asked(0x0B) if "job-template" in str(r.operation)]
        assert len(asked) == 2
