"""The driver against printers that are old, rude, forgetful or broken."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from edge_agent.jobs.driver import PrinterUnavailableError, Progress, Result
from edge_agent.output import words
from edge_agent.output.ipp_client import http_url
from shared.ipp import Group, Message, Operation, Status, Tag, attribute, each, response
from shared.ipp import values as v
from tests.support.deliveries import Heard, a_job, a_page, a_printer
from tests.support.ipp_delivery import PDF, a_driver, deliver
from tests.support.ipp_printer import NEW, OLD, IppPrinter, ipp_printer, job_group, says


async def test_an_old_printer_gets_print_job() -> None:
    old, heard = IppPrinter(OLD), Heard()
    outcome = await deliver(old, heard=heard)
    assert outcome.result is Result.PRINTED
    assert old.documents == [PDF]
    assert heard.progress == [Progress(first_byte=True), Progress(printer_job_id=1)]


async def test_an_old_printer_gets_several_documents_as_several_jobs() -> None:
    old = IppPrinter(OLD)
    old.answers[Operation.GET_JOB_ATTRIBUTES] = says(
        0, job_group(attribute("job-impressions-completed", v.Integer(3)))
    )
    outcome = await deliver(old, documents=2)
    assert (outcome.result, outcome.impressions_completed) == (Result.PRINTED, 6)
    assert len(old.asked(Operation.PRINT_JOB)) == 2


async def test_a_printer_that_takes_many_documents_gets_them_in_one_job() -> None:
    new = IppPrinter(NEW, [attribute("multiple-document-jobs-supported", v.Boolean(value=True))])
    outcome = await deliver(new, documents=3)
    assert outcome.result is Result.PRINTED
    last = [asked.operation.find_boolean("last-document") for asked in new.asked(6)]
    assert last == [False, False, True]
    assert len(new.asked(Operation.CREATE_JOB)) == 1


async def test_a_second_part_that_fails_leaves_the_outcome_unknown() -> None:
    old = IppPrinter(OLD)

    def once(request: Message, _document: bytes) -> Message:
        code = Status.SUCCESSFUL_OK if len(old.documents) == 1 else Status.SERVER_ERROR_BUSY
        return response(code, request, groups=[job_group()])

    old.answers[Operation.PRINT_JOB] = once
    outcome = await deliver(old, documents=2)
    assert (outcome.result, outcome.says) == (Result.UNKNOWN, words.NOT_ALL)


async def test_a_printer_of_ipp_1_1_is_spoken_to_in_ipp_1_1() -> None:
    old = IppPrinter(OLD)

    def only_1_1(request: Message, document: bytes) -> Message:
        if request.version != (1, 1):
            return response(Status.SERVER_ERROR_VERSION_NOT_SUPPORTED, request, version=(1, 1))
        return old._behave(request, document)

    old.answers = dict.fromkeys([0x02, 0x09, 0x0B], only_1_1)
    assert (await deliver(old)).result is Result.PRINTED
    assert old.documents == [PDF]


@pytest.mark.parametrize("operation", [Operation.CREATE_JOB, Operation.SEND_DOCUMENT])
@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (Status.SERVER_ERROR_BUSY, words.BUSY),
        (Status.SERVER_ERROR_NOT_ACCEPTING_JOBS, words.NOT_ACCEPTING),
        (Status.SERVER_ERROR_DEVICE_ERROR, words.TROUBLED),
        (Status.CLIENT_ERROR_NOT_AUTHENTICATED, words.SIGN_IN),
    ],
)
async def test_what_may_pass_makes_the_printer_unavailable(
    operation: int, status: int, sentence: str
) -> None:
    fake = IppPrinter(NEW, answers={operation: says(status)})
    with pytest.raises(PrinterUnavailableError) as error:
        await deliver(fake)
    assert (error.value.says, error.value.retry_after_seconds > 0) == (sentence, True)
    # A job that was begun there is taken back: nothing prints later by itself.
    assert bool(fake.asked(Operation.CANCEL_JOB)) == (operation == Operation.SEND_DOCUMENT)


@pytest.mark.parametrize(
    ("operations", "operation"),
    [(NEW, Operation.CREATE_JOB), (NEW, Operation.SEND_DOCUMENT), (OLD, Operation.PRINT_JOB)],
)
@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED, words.BAD_FORMAT),
        (Status.CLIENT_ERROR_REQUEST_ENTITY_TOO_LARGE, words.TOO_LARGE),
        (Status.CLIENT_ERROR_GONE, f"{words.REFUSED} (No no)"),
        (0x04FF, f"{words.REFUSED} (No no)"),
    ],
)
async def test_what_cannot_pass_is_refused_for_good(
    operations: tuple[int, ...], operation: int, status: int, sentence: str
) -> None:
    answers = {operation: says(status, message="No\x1b[31m\n no")}
    outcome = await deliver(IppPrinter(operations, answers=answers))
    assert outcome.result is Result.REFUSED
    assert outcome.says in (sentence, f"{words.REFUSED} (No [31m no)")


async def test_a_printer_that_forgets_a_job_leaves_its_outcome_unknown() -> None:
    fake = IppPrinter(NEW, answers={0x09: says(Status.CLIENT_ERROR_NOT_FOUND)})
    outcome = await deliver(fake)
    assert (outcome.result, outcome.says) == (Result.UNKNOWN, words.FORGOTTEN)


async def test_a_printer_that_falls_silent_leaves_the_outcome_unknown() -> None:
    fake = IppPrinter(NEW, answers={0x09: lambda *_: web.Response(status=503)})
    outcome = await deliver(fake)
    assert (outcome.result, outcome.says) == (Result.UNKNOWN, words.SILENT)
    assert 10 < len(fake.asked(0x09)) < 20


async def test_a_printer_that_never_answers_a_document_is_asked_about_it() -> None:
    async def too_slow(request: Message, _document: bytes) -> Message:
        await asyncio.sleep(0.6)
        return response(0, request)

    fake = IppPrinter(NEW, answers={Operation.SEND_DOCUMENT: too_slow})
    assert (await deliver(fake)).result is Result.PRINTED
    old = IppPrinter(OLD, answers={Operation.PRINT_JOB: too_slow})
    outcome = await deliver(old)
    assert (outcome.result, outcome.says) == (Result.UNKNOWN, words.SILENT)


async def test_a_stop_is_told_once_and_its_end_once() -> None:
    fake, heard = IppPrinter(NEW), Heard()
    states = iter([5, 6, 6, 6, 5, 5, 9])
    reasons = iter(["none", "media-empty-error", "media-empty-error", "cover-open", "none", "none"])

    def job(request: Message, _document: bytes) -> Message:
        return response(0, request, groups=[job_group(state=next(states))])

    def printer(request: Message, document: bytes) -> Message:
        if "printer-state" not in request.operation.list_keywords("requested-attributes"):
            return fake._behave(request, document)
        reason = attribute("printer-state-reasons", v.Keyword(next(reasons)))
        return response(0, request, groups=[Group(Tag.PRINTER, (reason,))])

    fake.answers = {Operation.GET_JOB_ATTRIBUTES: job, Operation.GET_PRINTER_ATTRIBUTES: printer}
    outcome = await deliver(fake, heard=heard)
    assert outcome.result is Result.PRINTED
    assert heard.progress[1:] == [
        Progress(stopped="The printer has no paper."),
        Progress(stopped="A cover of the printer is open."),
        Progress(resumed=True),
    ]


async def test_a_printer_that_stops_while_the_job_waits_is_told_too() -> None:
    fake, heard = IppPrinter(NEW), Heard()
    states = iter([3, 9])
    stopped = (
        attribute("printer-state", v.Enum(5)),
        each("printer-state-reasons", v.Keyword, ["paused"]),
    )
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = lambda request, _: response(
        0, request, groups=[job_group(state=next(states))]
    )
    fake.attributes = stopped
    await deliver(fake, heard=heard)
    assert heard.progress[1:] == [Progress(stopped="The printer is paused.")]


async def test_a_printer_that_holds_the_job_back_is_told_of() -> None:
    fake, heard = IppPrinter(NEW), Heard()
    states = iter([4, 5, 9])
    fake.answers[Operation.GET_JOB_ATTRIBUTES] = lambda request, _: response(
        0, request, groups=[job_group(state=next(states))]
    )
    await deliver(fake, heard=heard)
    assert heard.progress[1:] == [Progress(stopped=words.HELD_THERE), Progress(resumed=True)]


@pytest.mark.parametrize(
    ("state", "reason", "result"),
    [
        (7, "job-canceled-at-device", Result.CANCELED_AT_PRINTER),
        (8, "document-format-error", Result.REFUSED),
        (8, "aborted-by-system", Result.REFUSED),
    ],
)
async def test_a_job_that_ends_otherwise_says_how(state: int, reason: str, result: Result) -> None:
    ended = job_group(each("job-state-reasons", v.Keyword, [reason]), state=state)
    outcome = await deliver(IppPrinter(NEW, answers={0x09: says(0, ended)}))
    assert outcome.result is result


@pytest.mark.parametrize(
    ("state", "reasons", "result"),
    [
        (9, [], Result.PRINTED),
        (7, [], Result.CANCELED_AT_PRINTER),
        (8, [], Result.UNKNOWN),
        (3, ["job-incoming"], Result.UNKNOWN),
        (99, [], None),
    ],
)
async def test_after_a_crash_the_printers_word_counts(
    state: int, reasons: list[str], result: Result | None
) -> None:
    known = job_group(each("job-state-reasons", v.Keyword, reasons or ["none"]), state=state)
    async with ipp_printer(IppPrinter(NEW, answers={0x09: says(0, known)})) as fake:
        told = await a_driver().ask(a_printer(fake.uri), a_job(printer_job_id=1))
        assert (told.result if told else None) is result
        assert bool(fake.asked(Operation.CANCEL_JOB)) == ("job-incoming" in reasons)


@pytest.mark.parametrize("uri", ["http://h/", "socket://h", "ipp:///x", "ipp://", "file:///etc"])
def test_an_address_that_is_not_ipp_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is no ipp or ipps address"):
        http_url(uri)


def test_an_ipp_address_is_an_http_address_on_port_631() -> None:
    assert str(http_url("ipp://h/ipp/print")) == "http://h:631/ipp/print"
    assert str(http_url("ipps://h:8443/p")) == "https://h:8443/p"
    assert str(http_url("ipp://[::1]/p?q=1")) == "http://[::1]:631/p?q=1"


async def test_a_printer_with_a_wrong_address_is_unavailable_and_tells_nothing() -> None:
    printer, job = a_printer("socket://h"), a_job(printer_job_id=1)
    with pytest.raises(PrinterUnavailableError) as error:
        await a_driver().deliver(printer, job, [a_page(PDF)], Heard())
    assert error.value.says == words.BAD_ADDRESS
    assert await a_driver().ask(printer, job) is None
    await a_driver().cancel(printer, job)


async def test_a_job_canceled_while_it_was_created_is_taken_back_at_the_printer() -> None:
    async def canceled(progress: Progress) -> None:
        raise LookupError("the job was canceled")

    async with ipp_printer(IppPrinter(NEW)) as fake:
        with pytest.raises(LookupError):
            await a_driver().deliver(a_printer(fake.uri), a_job(), [a_page(PDF)], canceled)
        assert len(fake.asked(Operation.CANCEL_JOB)) == 1
        assert fake.documents == []
