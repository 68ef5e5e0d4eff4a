"""The IPP driver brings documents to a printer of ours, and nobody waits."""

from __future__ import annotations

import asyncio

from edge_agent.jobs.driver import Outcome
from edge_agent.output.ipp import IppDriver
from edge_agent.output.ipp_client import Patience
from shared.clock import SystemClock
from shared.ipp import Attribute
from tests.support.deliveries import Heard, a_job, a_page, a_printer
from tests.support.ipp_printer import IppPrinter, ipp_printer

PDF = b"%PDF-1.4 one page"
HASTY = Patience(connect=1, answer=0.3, stall=0.3, accept=0.3)


class HurriedClock(SystemClock):
    """Pauses take no time, and yet the time passes."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


def a_driver() -> IppDriver:
    return IppDriver(HurriedClock(), patience=HASTY)


async def deliver(
    fake: IppPrinter, *wishes: Attribute, documents: int = 1, heard: Heard | None = None
) -> Outcome:
    async with ipp_printer(fake) as printer:
        pages = [a_page(PDF, number=number + 1) for number in range(documents)]
        job, heard = a_job(*wishes), heard or Heard()
        return await a_driver().deliver(a_printer(printer.uri), job, pages, heard)
