"""Printing by IPP: Create-Job and Send-Document, or Print-Job where that is all there is.

The rules are those of ``jobs/driver.py``: PrinterUnavailableError means that nothing was printed
and nothing will be; everything else is an Outcome, and what nobody can tell is UNKNOWN.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from edge_agent.jobs.driver import Outcome, Page, PrinterUnavailableError, Progress
from edge_agent.jobs.model import Job
from edge_agent.output import words
from edge_agent.output.ipp_capabilities import ASKED, Capabilities
from edge_agent.output.ipp_client import (
    BrokenError,
    IppClient,
    NotIppError,
    NotReachedError,
    Patience,
)
from edge_agent.output.ipp_delivery import Delivery
from edge_agent.output.ipp_leftovers import Leftovers, Unsent
from edge_agent.output.ipp_refusals import unavailable
from edge_agent.output.ipp_watch import Watch
from edge_agent.output.printer_pins import PrinterPins
from edge_agent.output.printer_tls import Trust
from shared.clock import Clock
from shared.ids import PrinterId
from shared.ipp.enums import is_successful
from shared.messages.records import PrinterRecord

REMEMBER_SECONDS: Final = 60.0  # what a printer can do
WRONG_SECONDS: Final = 300.0  # until an administrator may have put it right

log = logging.getLogger(__name__)

OnProgress = Callable[[Progress], Awaitable[None]]


def claimed_name(job: Job) -> str:
    return job.claimed_name or "spoolhouse"


async def _nothing() -> Sequence[Job]:
    return ()


class IppDriver:
    """Prints by IPP and IPPS (a ``PrinterDriver``)."""

    def __init__(
        self,
        clock: Clock,
        *,
        user_name: Callable[[Job], str] = claimed_name,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
        pins: PrinterPins | None = None,
        unsent: Unsent = _nothing,
    ) -> None:
        """Make a driver for any number of printers.

        Args:
            clock: For the pauses between questions.
            user_name: Whose name is sent as ``requesting-user-name``.
            patience: How long we wait for a printer.
            tls: Whose certificates are trusted at ``ipps:``; the system's authorities otherwise.
            pins: Where the certificates of printers that sign their own are remembered.
            unsent: Our jobs that a printer may have begun, and of which no byte has left.
        """
        self._clock = clock
        self._user_name = user_name
        self._patience = patience or Patience()
        self._tls = tls
        self._pins = pins or PrinterPins()
        self._leftovers = Leftovers(clock, unsent, user_name)
        self._known: dict[tuple[PrinterId, str], tuple[float, Capabilities]] = {}

    async def deliver(
        self,
        printer: PrinterRecord,
        job: Job,
        documents: Sequence[Page],
        on_progress: OnProgress,
    ) -> Outcome:
        """Send the job and follow it to its end (see ``PrinterDriver.deliver``)."""
        client = self._client(printer)
        able = await self._capabilities(printer, client)
        watch = Watch(client, able.version, self._user_name(job), self._clock)
        delivery = Delivery(client, able, job, watch, on_progress)
        try:
            with self._leftovers.delivering(client.uri):
                try:
                    return await delivery.run(documents)
                except PrinterUnavailableError as error:
                    if not await self._is_freed(error, client, able, job):
                        raise
                return await delivery.run(documents)
        except PrinterUnavailableError:
            # It may have become another printer: ask it anew the next time.
            self._known.pop((printer.id, printer.uri), None)
            raise

    async def _is_freed(
        self, error: PrinterUnavailableError, client: IppClient, able: Capabilities, job: Job
    ) -> bool:
        """Whether a printer was busy with nothing but what we left there, and no longer is."""
        is_busy = error.says == words.BUSY
        return is_busy and await self._leftovers.clear(client, able.version, job)

    async def ask(self, printer: PrinterRecord, job: Job) -> Outcome | None:
        """Tell what became of a job after a crash; None when the printer cannot tell."""
        watch = self._watch(printer, job)
        if watch is None or job.printer_job_id is None:
            return None
        return await watch.find_out(job.printer_job_id)

    async def cancel(self, printer: PrinterRecord, job: Job) -> None:
        """Ask the printer to stop printing the job."""
        watch = self._watch(printer, job)
        if watch is not None and job.printer_job_id is not None:
            await watch.cancel(job.printer_job_id)

    def _client(self, printer: PrinterRecord) -> IppClient:
        """Make a client.

        Raises:
            PrinterUnavailableError: The printer's address is none.
        """
        try:
            trust = Trust(printer.id, self._pins, self._tls)
            return IppClient(printer.uri, patience=self._patience, trust=trust)
        except ValueError as error:
            log.warning("printer %s: %s", printer.name, error)
            raise PrinterUnavailableError(words.BAD_ADDRESS, WRONG_SECONDS) from None

    def _watch(self, printer: PrinterRecord, job: Job) -> Watch | None:
        try:
            client = self._client(printer)
        except PrinterUnavailableError:
            return None
        return Watch(client, (2, 0), self._user_name(job), self._clock)

    async def _capabilities(self, printer: PrinterRecord, client: IppClient) -> Capabilities:
        """Ask what the printer can do, once a minute.

        Raises:
            PrinterUnavailableError: It does not answer, or not in IPP.
        """
        key = (printer.id, printer.uri)
        asked_at, known = self._known.get(key, (0.0, None))
        now = self._clock.monotonic()
        if known is None or now - asked_at > REMEMBER_SECONDS:
            try:
                known = await fetch_capabilities(client)
            except (NotReachedError, BrokenError, NotIppError) as error:
                log.info("printer %s: %s", printer.name, error)
                raise unavailable(error) from None
            self._known[key] = (now, known)
        return known


async def fetch_capabilities(client: IppClient) -> Capabilities:
    """Ask a printer what it can do, in the newest version of IPP that it speaks."""
    version, answer = await client.ask_attributes(ASKED)
    if not is_successful(answer.code):
        raise NotIppError(f"no attributes: status 0x{answer.code:04x}", 200)
    return Capabilities.of(version, answer.printer)
