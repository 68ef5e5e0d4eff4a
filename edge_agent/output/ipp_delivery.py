"""One delivery: a job's documents to one printer, as one job there or as several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from edge_agent.jobs.driver import Outcome, Page, PrinterUnavailableError, Progress, Result
from edge_agent.jobs.model import Document, Job
from edge_agent.output import words
from edge_agent.output.ipp_capabilities import Capabilities
from edge_agent.output.ipp_client import (
    Body,
    BrokenError,
    IppClient,
    NotIppError,
    NotReachedError,
)
from edge_agent.output.ipp_refusals import refusal, unavailable
from edge_agent.output.ipp_report import JobReport, clean, job_id, job_name
from edge_agent.output.ipp_watch import Watch
from shared.ipp import Attribute, Group, Message, Operation, Tag, attribute, request
from shared.ipp.build import shorten
from shared.ipp.enums import is_successful
from shared.ipp.values import Boolean, MimeMediaType, Name

MAX_LEFT_OUT: Final = 300  # characters of a message


class Delivery:
    """Sends one of our jobs and follows it."""

    def __init__(
        self,
        client: IppClient,
        able: Capabilities,
        job: Job,
        watch: Watch,
        on_progress: Callable[[Progress], Awaitable[None]],
    ) -> None:
        self._client = client
        self._able = able
        self._job = job
        self._watch = watch
        self._on_progress = on_progress
        self._ticket, self._left_out = able.choose(job.ticket_ipp)

    async def run(self, documents: Sequence[Page]) -> Outcome:
        """Print all documents; those that cannot share a job one after the other.

        Raises:
            PrinterUnavailableError: Nothing was printed.
        """
        together = self._able.takes_many_documents or len(documents) == 1
        batches = [list(documents)] if together else [[page] for page in documents]
        outcome = await self._print(batches[0])
        for batch in batches[1:]:
            if outcome.result is not Result.PRINTED:
                return replace(outcome, result=_part(outcome.result), says=words.NOT_ALL)
            outcome = _sum(outcome, await self._print_more(batch))
        return self._with_left_out(outcome)

    async def _print(self, batch: Sequence[Page]) -> Outcome:
        if self._able.creates_jobs:
            return await self._create_and_send(batch)
        return await self._print_job(batch[0])

    async def _print_more(self, batch: Sequence[Page]) -> Outcome:
        try:
            return await self._print(batch)
        except PrinterUnavailableError:
            # Earlier documents are on paper: beginning again would print them twice.
            return Outcome(Result.UNKNOWN, words.NOT_ALL)

    async def _create_and_send(self, batch: Sequence[Page]) -> Outcome:
        """Create-Job tells the job's number before data flows: what happens next can be asked."""
        created = await self._ask_first(self._request(Operation.CREATE_JOB, [], self._ticket))
        if not is_successful(created.code):
            return Outcome(Result.REFUSED, refusal(created))
        number = job_id(created.job)
        if number is None:
            raise PrinterUnavailableError(words.NO_IPP, 60.0)
        self._note_ignored(created)
        async with _TakenBack(self._watch, number):
            await self._on_progress(Progress(printer_job_id=number, first_byte=True))
            answer: Message | Outcome = created
            for page in batch:
                answer = await self._send_document(number, page, last=page is batch[-1])
                if isinstance(answer, Outcome):
                    return answer
            return await self._follow(number, answer.job if isinstance(answer, Message) else None)

    async def _send_document(self, number: int, page: Page, *, last: bool) -> Message | Outcome:
        more = [*_about(page.document), attribute("last-document", Boolean(last))]
        asked = self._request(Operation.SEND_DOCUMENT, more, None, number)
        try:
            answer = await self._client.ask(asked, _body(page))
        except NotReachedError as error:
            raise unavailable(error) from None
        except BrokenError as error:
            return await self._after_break(number, all_sent=error.all_sent)
        except NotIppError:
            return await self._after_break(number, all_sent=True)
        if is_successful(answer.code):
            return answer
        says = refusal(answer)
        await self._watch.cancel(number)
        return Outcome(Result.REFUSED, says, printer_job_id=number)

    async def _print_job(self, page: Page) -> Outcome:
        asked = self._request(Operation.PRINT_JOB, _about(page.document), self._ticket)
        await self._on_progress(Progress(first_byte=True))
        try:
            answer = await self._client.ask(asked, _body(page))
        except NotReachedError as error:
            raise unavailable(error) from None
        except BrokenError as error:
            says = words.SILENT if error.all_sent else words.BROKE_OFF
            return Outcome(Result.UNKNOWN, says)
        except NotIppError:
            return Outcome(Result.UNKNOWN, words.SILENT)
        if not is_successful(answer.code):
            return Outcome(Result.REFUSED, refusal(answer))
        number = job_id(answer.job)
        if number is None:
            return Outcome(Result.UNKNOWN, words.FORGOTTEN)
        self._note_ignored(answer)
        await self._on_progress(Progress(printer_job_id=number))
        return await self._follow(number, answer.job)

    async def _follow(self, number: int, job: Group | None) -> Outcome:
        report = JobReport.of(number, job) if job is not None else None
        if report is not None and report.is_final and report.impressions is not None:
            return report.outcome()
        return await self._watch.follow(number, self._on_progress)

    async def _after_break(self, number: int, *, all_sent: bool) -> Outcome:
        """Ask what became of a job whose connection broke."""
        if all_sent:
            return await self._watch.follow(number, self._on_progress, silent_seconds=15.0)
        await self._watch.cancel(number)
        return Outcome(Result.UNKNOWN, words.BROKE_OFF, printer_job_id=number)

    async def _ask_first(self, asked: Message) -> Message:
        """Ask before anything was sent: no answer means that nothing will be printed."""
        try:
            return await self._client.ask(asked)
        except (NotReachedError, BrokenError, NotIppError) as error:
            raise unavailable(error) from None

    def _request(
        self,
        operation: Operation,
        more: Sequence[Attribute],
        ticket: Group | None,
        number: int | None = None,
    ) -> Message:
        name = attribute("job-name", Name(job_name(self._job)))
        return request(
            operation,
            self._client.uri,
            user=self._watch.user,
            job_id=number,
            attributes=more if number is not None else [name, *more],
            groups=[ticket] if ticket is not None else [],
            version=self._able.version,
        )

    def _note_ignored(self, answer: Message) -> None:
        ignored = answer.group(Tag.UNSUPPORTED)
        self._left_out += [clean(str(item)) for item in ignored.attributes[:20]]

    def _with_left_out(self, outcome: Outcome) -> Outcome:
        """Name what the printer could not do, in the standard's words."""
        if not self._left_out:
            return outcome
        wishes = ", ".join(self._left_out)[:MAX_LEFT_OUT]
        return replace(outcome, says=f"{outcome.says} {words.CANNOT_DO} {wishes}")


class _TakenBack:
    """Takes a job back that was begun at the printer, when it fails on our side or is refused.

    The document cannot be read, or the job was canceled meanwhile: the printer must neither wait
    for the rest nor print it later.
    """

    def __init__(self, watch: Watch, number: int) -> None:
        self._watch = watch
        self._number = number

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # When we are cancelled ourselves, whoever did that tells the printer.
        if isinstance(error, Exception):
            await self._watch.cancel(self._number)


def _about(document: Document) -> list[Attribute]:
    about = [attribute("document-format", MimeMediaType(document.format))]
    name = shorten(clean(document.name))
    return [attribute("document-name", Name(name)), *about] if name else about


def _body(page: Page) -> Body:
    return Body(page.document.size_bytes, page.open())


def _part(result: Result) -> Result:
    return result if result is Result.CANCELED_AT_PRINTER else Result.UNKNOWN


def _sum(first: Outcome, second: Outcome) -> Outcome:
    """Two printed parts are one printed whole; anything else is told as it is."""
    if second.result is not Result.PRINTED:
        return replace(second, result=_part(second.result), says=words.NOT_ALL)
    return replace(
        second,
        impressions_completed=_add(first.impressions_completed, second.impressions_completed),
        media_sheets_completed=_add(first.media_sheets_completed, second.media_sheets_completed),
    )


def _add(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
