"""Follows a job at a printer to its end, by asking (RFC 8011 section 4.3.4)."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from edge_agent.jobs.driver import Outcome, Progress, Result
from edge_agent.output import words
from edge_agent.output.ipp_client import BrokenError, IppClient, NotIppError, NotReachedError
from edge_agent.output.ipp_report import ASKED, JobReport, clean
from shared.clock import Clock
from shared.ipp import Attribute, Group, Message, Operation, Status, each, request
from shared.ipp.build import shorten
from shared.ipp.enums import PrinterState, is_successful
from shared.ipp.values import Keyword
from shared.job_states import JobState

PAUSES: Final = (0.2, 1.0, 2.0)  # before the first questions
STEADY_SECONDS: Final = 5.0  # between all further ones
SILENT_SECONDS: Final = 60.0  # a printer that restarts answers again within a minute

NO_ANSWER: Final = (NotReachedError, BrokenError, NotIppError)
_FORGOTTEN: Final = frozenset({Status.CLIENT_ERROR_NOT_FOUND, Status.CLIENT_ERROR_GONE})

log = logging.getLogger(__name__)


class ForgottenError(Exception):
    """The printer no longer knows the job."""


class Watch:
    """Asks one printer about jobs."""

    def __init__(
        self, client: IppClient, version: tuple[int, int], user: str, clock: Clock
    ) -> None:
        self._client = client
        self._version = version
        self.user = shorten(clean(user))
        self._clock = clock

    async def follow(
        self,
        printer_job_id: int,
        on_progress: Callable[[Progress], Awaitable[None]] | None = None,
        *,
        silent_seconds: float = SILENT_SECONDS,
    ) -> Outcome:
        """Ask until the job has ended, or nobody can tell any more."""
        stopped: str | None = None
        heard_at = self._clock.monotonic()
        pauses = itertools.chain(PAUSES, itertools.repeat(STEADY_SECONDS))
        for pause in pauses:
            await self._clock.sleep(pause)
            try:
                report = await self.report(printer_job_id)
            except ForgottenError:
                return _unknown(printer_job_id, words.FORGOTTEN)
            if report is None or report.state is None:
                if self._clock.monotonic() - heard_at >= silent_seconds:
                    return _unknown(printer_job_id, words.SILENT)
                continue
            heard_at = self._clock.monotonic()
            if report.is_final:
                return report.outcome()
            if on_progress is not None:
                stopped = await self._tell_stop(report, stopped, on_progress)
        raise AssertionError("pauses never end")

    async def report(self, printer_job_id: int) -> JobReport | None:
        """Ask once; None when there is no answer.

        Raises:
            ForgottenError: The printer does not know the job.
        """
        asked = [each("requested-attributes", Keyword, ASKED)]
        answer = await self._ask(Operation.GET_JOB_ATTRIBUTES, printer_job_id, asked)
        if answer is None:
            return None
        if answer.code in _FORGOTTEN:
            raise ForgottenError
        return JobReport.of(printer_job_id, answer.job) if is_successful(answer.code) else None

    async def find_out(self, printer_job_id: int) -> Outcome | None:
        """Tell what became of a job that we lost sight of; None when the printer cannot tell."""
        try:
            report = await self.report(printer_job_id)
        except ForgottenError:
            return None
        if report is None or report.state is None:
            return None
        if report.still_receives and not report.is_final:
            # It waits for a document that will never come.
            await self.cancel(printer_job_id)
            return report.ended(Result.UNKNOWN, words.BROKE_OFF)
        outcome = report.outcome() if report.is_final else await self.follow(printer_job_id)
        return outcome if outcome.result is not Result.REFUSED else _after_break(outcome)

    async def cancel(self, printer_job_id: int) -> None:
        """Ask the printer to stop; what it answers changes nothing for us."""
        answer = await self._ask(Operation.CANCEL_JOB, printer_job_id, [])
        if answer is None or not is_successful(answer.code):
            log.info("printer %s did not cancel job %s", self._client.uri, printer_job_id)

    async def _tell_stop(
        self,
        report: JobReport,
        stopped: str | None,
        on_progress: Callable[[Progress], Awaitable[None]],
    ) -> str | None:
        """Report a stop once, and its end once."""
        now = await self._why_stopped(report)
        if now is not None and now != stopped:
            await on_progress(Progress(stopped=now))
        elif now is None and stopped is not None:
            await on_progress(Progress(resumed=True))
        return now

    async def _why_stopped(self, report: JobReport) -> str | None:
        """Say why it does not go on; many printers tell it of themselves and not of the job."""
        wanted = ("printer-state", "printer-state-reasons")
        asked = [each("requested-attributes", Keyword, wanted)]
        answer = await self._ask(Operation.GET_PRINTER_ATTRIBUTES, None, asked)
        printer = answer.printer if answer is not None else Group(0)
        is_stopped = printer.find_integer("printer-state") == PrinterState.STOPPED
        if report.state is JobState.PENDING_HELD and not is_stopped:
            return words.HELD_THERE
        if not report.is_stopped and not is_stopped:
            return None
        return words.why_stopped(printer.list_words("printer-state-reasons"))

    async def _ask(
        self, operation: Operation, job_id: int | None, more: Sequence[Attribute]
    ) -> Message | None:
        asked = request(
            operation,
            self._client.uri,
            job_id=job_id,
            user=self.user,
            attributes=more,
            version=self._version,
        )
        try:
            return await self._client.ask(asked)
        except NO_ANSWER as error:
            log.info("printer %s: %s", self._client.uri, error)
            return None


def _unknown(printer_job_id: int, says: str) -> Outcome:
    return Outcome(Result.UNKNOWN, says, printer_job_id=printer_job_id)


def _after_break(outcome: Outcome) -> Outcome:
    """A printer gives a broken job up after some of its pages, or none: nobody can tell."""
    return Outcome(
        Result.UNKNOWN,
        words.BROKE_OFF,
        outcome.impressions_completed,
        outcome.media_sheets_completed,
        outcome.printer_job_id,
    )
