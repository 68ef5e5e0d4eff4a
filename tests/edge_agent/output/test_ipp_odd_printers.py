"""The driver against printers that are old, rude, forgetful or broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from edge_agent.jobs.driver import Outcome, PrinterUnavailableError, Progress, Result
from edge_agent.output import words
from edge_agent.output.ipp import IppDriver
from edge_agent.output.ipp_client import Patience, http_url
from shared.clock import SystemClock
from shared.ipp import (
    Attribute,
    Group,
    Message,
    Operation,
    Status,
    Tag,
    attribute,
    each,
    encode_message,
    response,
)
from shared.ipp import values as v
from tests.support.deliveries import Heard, a_job, a_page, a_printer
from tests.support.ipp_printer import NEW, OLD, Answerer, IppPrinter, ipp_printer, job_group

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


def says(status: int, *groups: Group, message: str = "") -> Answerer:
    return lambda request, _document: response(status, request, groups=groups, message=message)


def a_driver() -> IppDriver:
    return IppDriver(HurriedClock(), patience=HASTY)


async def deliver(
    fake: IppPrinter, *wishes: Attribute, documents: int = 1, heard: Heard | None = None
) -> Outcome:
    async with ipp_printer(fake) as printer:
        pages = [a_page(PDF, number=number + 1) for number in range(documents)]
        job, heard = a_job(*wishes), heard or Heard()
        return await a_driver().deliver(a_printer(printer.uri), job, pages, heard)


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


@pytest.mark.parametrize("count", [-1, 10_000_001, 2**31 - 1])
async def test_an_absurd_number_of_pages_is_no_number(count: int) -> None:
    ended = job_group(attribute("job-impressions-completed", v.Integer(count)))
    outcome = await deliver(IppPrinter(NEW, answers={0x09: says(0, ended)}))
    assert (outcome.result, outcome.impressions_completed) == (Result.PRINTED, None)


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


async def test_text_that_is_not_utf_8_is_taken_from_a_printer() -> None:
    latin = attribute("job-state-message", v.Text("x"))
    answer = response(0, None, groups=[job_group(latin)])

    def in_latin_1(_request: Message, _document: bytes) -> bytes:
        return encode_message(answer).replace(b"\x00\x01x", b"\x00\x01\xe4")

    outcome = await deliver(IppPrinter(NEW, answers={0x09: in_latin_1}))
    assert outcome.result is Result.PRINTED


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
