"""Requests that are well written and ask for odd things; what is answered, and what is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.intake.attributes import (
    boolean,
    collection,
    enum,
    integer,
    keyword,
    media_type,
    name,
    octets,
    ranges,
)
from edge_agent.intake.capabilities import GENERIC
from edge_agent.intake.templates import can_do
from edge_agent.jobs.model import SYSTEM
from shared.ipp.build import request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import Collection, RangeOfInteger, Resolution
from shared.job_states import Hold, JobState
from tests.support.intake import IntakeSite, an_intake_site

PDF = b"%PDF-1.7 a report"
PATIENCE_SECONDS = 20


def job_group(*attributes: Attribute) -> tuple[Group, ...]:
    return (Group(Tag.JOB, attributes),)


async def printed(site: IntakeSite, *attributes: Attribute, queue: str = "pull") -> Message:
    groups = job_group(*attributes) if attributes else ()
    return await site.ipp(Operation.PRINT_JOB, queue, groups=groups, body=PDF)


def says(answer: Message) -> str:
    return answer.operation.find_text("status-message") or ""


# --- what a client may write --------------------------------------------------------------------


async def test_thousands_of_unknown_attributes_make_a_short_message(tmp_path: Path) -> None:
    """The owner reads it, and the primary is told of it."""
    async with an_intake_site(tmp_path) as site:
        strange = [integer(f"x{number}-{'y' * 100}", 1) for number in range(1500)]
        answer = await printed(site, *strange)
        assert answer.code == Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
        (job,) = await site.jobs.service.list_jobs(site.people.alder.id)
        assert "x4-" in job.message
        assert "x5-" not in job.message
        assert "\u2026" in job.message
        assert len(job.message) < 500
        one = await printed(site, integer("punch", 1))
        assert "punch as asked" in one.job.get_text("job-state-message")


async def test_thousands_of_overrides_are_not_kept(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        page = Collection((ranges("pages", (1, 1)), keyword("sides", "one-sided")))
        many = await printed(site, collection("overrides", *[page] * 101))
        assert many.code == Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
        few = await printed(site, collection("overrides", *[page] * 100))
        assert few.code == Status.SUCCESSFUL_OK
        first, second = await site.jobs.service.list_jobs(site.people.alder.id)
        assert "overrides" not in first.ticket
        assert len(second.ticket["overrides"]) == 100


@pytest.mark.parametrize(
    ("attribute", "can"),
    [
        (ranges("page-ranges", (1, 2), (3, 5)), True),
        (ranges("page-ranges", (2, 2)), True),
        (ranges("page-ranges", (3, 5), (1, 2)), False),
        (ranges("page-ranges", (1, 3), (3, 5)), False),
        (ranges("page-ranges", (5, 2)), False),
        (ranges("page-ranges", (0, 1)), False),
        (integer("page-ranges", 1), False),
        (collection("overrides", Collection((ranges("pages", (1, 2)),))), True),
        (collection("overrides", Collection((ranges("pages", (2, 1)),))), False),
        (collection("overrides", Collection((enum("print-quality", 5),))), True),
        (collection("overrides", Collection((enum("print-quality", 99),))), False),
        (collection("overrides", Collection((keyword("sides", "three-sided"),))), False),
        (collection("overrides", Collection((integer("staple", 1),))), False),
        (Attribute("overrides", (RangeOfInteger(1, 2),)), False),
        (Attribute("printer-resolution", (Resolution(300, 300),)), True),
        (Attribute("printer-resolution", (Resolution(300, 300, 4),)), False),  # to a centimetre
    ],
    ids=str,
)
def test_pages_and_their_exceptions_are_checked_before_a_printer_sees_them(
    attribute: Attribute, can: bool
) -> None:
    assert can_do(attribute, GENERIC) is can


async def test_a_name_asked_for_ten_thousand_times_is_told_once(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        for _ in range(3):
            await printed(site)
        asked = keyword("requested-attributes", *["job-id", "sides", "nonsense"] * 3000)
        answer = await site.ipp(Operation.GET_JOBS, "pull", attributes=[asked])
        told = [[item.name for item in group] for group in answer.groups[1:]]
        assert told == [["job-id"]] * 3
        one = await site.ipp(Operation.GET_JOB_ATTRIBUTES, "pull", job_id=1, attributes=[asked])
        assert [item.name for item in one.job] == ["job-id"]


async def test_more_attributes_than_any_client_has_are_not_read(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        for count, status in (
            (30_000, Status.CLIENT_ERROR_BAD_REQUEST),
            (1000, Status.SUCCESSFUL_OK),
        ):
            asked = keyword("requested-attributes", *(f"nonsense-{i}" for i in range(count)))
            answer = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, attributes=[asked])
            assert answer.code == status


# --- what a queue tells -------------------------------------------------------------------------


@pytest.mark.parametrize("queue", ["pull", "direct"])
async def test_no_attribute_of_a_queue_has_a_value_twice(tmp_path: Path, queue: str) -> None:
    async with an_intake_site(tmp_path) as site:
        asked = keyword("requested-attributes", "all", "media-col-database")
        answer = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, queue, attributes=[asked])
        several = {"uri-security-supported", "uri-authentication-supported"}  # one for each uri
        twice = [
            item.name
            for item in answer.printer
            if item.name not in several and len(set(map(str, item.values))) < len(item.values)
        ]
        assert twice == []


async def test_a_format_that_the_queue_cannot_print_has_no_attributes(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        for named, status in (
            ("application/x-nonsense", Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED),
            ("application/pdf", Status.SUCCESSFUL_OK),
        ):
            asked = [media_type("document-format", named)]
            answer = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, attributes=asked)
            assert answer.code == status
            assert any(group.tag == Tag.PRINTER for group in answer.groups) is (status == 0)


async def test_a_direct_queue_without_a_printer_says_that_it_takes_nothing(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        direct, stream = site.people.direct, site.people.alder.stream
        for printer_id, accepts in ((None, False), (direct.printer_id, True)):
            site.people.feed.put(stream, replace(direct, printer_id=printer_id))
            told = (await site.ipp(Operation.GET_PRINTER_ATTRIBUTES)).printer
            assert told.get_boolean("printer-is-accepting-jobs") is accepts
            assert ("no printer" in told.get_text("printer-state-message")) is not accepts
            answer = await printed(site, queue="direct")
            assert (answer.code == Status.SERVER_ERROR_NOT_ACCEPTING_JOBS) is not accepts


# --- jobs ---------------------------------------------------------------------------------------


async def test_a_hold_outlives_a_change_that_does_not_speak_of_it(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        indefinite = keyword("job-hold-until", "indefinite")
        number = (await printed(site, indefinite, queue="direct")).job.get_integer("job-id")

        async def change(attribute: Attribute) -> frozenset[Hold]:
            answer = await site.ipp(
                Operation.SET_JOB_ATTRIBUTES, job_id=number, groups=job_group(attribute)
            )
            assert answer.code == Status.SUCCESSFUL_OK
            return (await site.jobs.service.get(number)).holds

        assert (await site.ipp(Operation.RELEASE_JOB, job_id=number)).code == 0
        assert await change(integer("copies", 2)) == frozenset()  # not held anew
        assert (await site.ipp(Operation.HOLD_JOB, job_id=number)).code == 0
        assert await change(integer("copies", 3)) == {Hold.SENDER}  # not let go
        told = await site.ipp(Operation.GET_JOB_ATTRIBUTES, job_id=number)
        assert told.job.find_word("job-hold-until") == "indefinite"
        assert await change(keyword("job-hold-until", "no-hold")) == frozenset()
        told = await site.ipp(Operation.GET_JOB_ATTRIBUTES, job_id=number)
        assert told.job.find_word("job-hold-until") == "no-hold"


async def test_what_cannot_be_done_to_a_job_is_said_in_words(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        last = boolean("last-document", value=True)
        number = (await printed(site)).job.get_integer("job-id")

        async def refused(operation: Operation, body: bytes = b"") -> str:
            attributes = [last] if operation is Operation.SEND_DOCUMENT else []
            answer = await site.ipp(
                operation, "pull", job_id=number, attributes=attributes, body=body
            )
            assert answer.code == Status.CLIENT_ERROR_NOT_POSSIBLE
            return says(answer)

        assert "no more documents" in await refused(Operation.SEND_DOCUMENT, PDF)
        assert "no more documents" in await refused(Operation.CLOSE_JOB)
        assert "waits for its owner" in await refused(Operation.RELEASE_JOB)
        assert "not suspended" in await refused(Operation.RESUME_JOB)
        assert (await site.ipp(Operation.CANCEL_JOB, "pull", job_id=number)).code == 0
        for operation in (Operation.CANCEL_JOB, Operation.HOLD_JOB, Operation.CLOSE_JOB):
            assert await refused(operation) == "It was printed or deleted already."


async def test_a_refused_job_is_not_said_to_have_been_changed(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        bad = job_group(integer("copies", 5000))
        strictly = [boolean("ipp-attribute-fidelity", value=True)]
        refused = await site.ipp(
            Operation.PRINT_JOB, "pull", attributes=strictly, groups=bad, body=PDF
        )
        assert says(refused) == "This queue cannot do copies as asked."
        taken = await site.ipp(Operation.PRINT_JOB, "pull", groups=bad, body=PDF)
        assert "left out" in says(taken)


async def test_jobs_of_one_state_are_found_behind_any_number_of_others(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        for _ in range(4):
            await printed(site)
        assert (await site.ipp(Operation.CANCEL_JOB, "pull", job_id=2)).code == 0
        held = [
            keyword("which-jobs", "pending-held"),
            integer("limit", 2),
            integer("first-job-id", 2),
        ]
        for wanted, numbers in (
            (held, [3, 4]),
            ([keyword("which-jobs", "canceled"), integer("limit", 1)], [2]),
            ([keyword("which-jobs", "aborted")], []),
        ):
            answer = await site.ipp(Operation.GET_JOBS, "pull", attributes=wanted)
            assert [group.get_integer("job-id") for group in answer.groups[1:]] == numbers


async def test_of_documents_that_come_at_once_one_is_kept_and_the_job_goes_on(
    tmp_path: Path,
) -> None:
    async with an_intake_site(tmp_path) as site:
        created = await site.ipp(Operation.CREATE_JOB, "pull", attributes=[name("job-name", "two")])
        number = created.job.get_integer("job-id")
        more = [boolean("last-document", value=False)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = await asyncio.gather(
                *(
                    site.ipp(
                        Operation.SEND_DOCUMENT,
                        "pull",
                        job_id=number,
                        attributes=more,
                        body=PDF * 40_000,
                    )
                    for _ in range(3)
                )
            )
        kept = sum(answer.code == Status.SUCCESSFUL_OK for answer in answers)
        assert kept >= 1
        assert all("no more documents just now" in says(a) for a in answers if a.code)
        assert (await site.ipp(Operation.CLOSE_JOB, "pull", job_id=number)).code == 0
        job = await site.jobs.service.get(number)
        assert job.state is JobState.PENDING_HELD
        assert len(await site.jobs.service.list_documents(job.id)) == kept


async def test_a_message_is_in_the_language_of_whoever_reads_it(tmp_path: Path) -> None:
    """The remark was said to the sender; why the job waits is said anew to each reader."""
    async with an_intake_site(tmp_path) as site:
        number = (await printed(site, integer("copies", 5000))).job.get_integer("job-id")
        asked = [keyword("requested-attributes", "job-state-message")]

        async def read(language: str) -> str:
            message = request(
                Operation.GET_JOB_ATTRIBUTES,
                site.uri("pull"),
                user="ada",
                job_id=number,
                attributes=asked,
                language=language,
            )
            _, body = await site.post("/ipp/print/pull", encode_message(message))
            return decode_message(body)[0].job.get_text("job-state-message")

        assert (await read("en")).startswith("It waits for its owner at a printer. This queue")
        german = await read("de")
        assert german.startswith("Er wartet")
        assert "copies" in german
        assert "waits" not in german


async def test_a_remark_outlives_a_hold_and_its_end(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        number = (await printed(site, integer("copies", 5000))).job.get_integer("job-id")
        for operation, words in (
            (Operation.HOLD_JOB, "held as its sender asked"),
            (Operation.RELEASE_JOB, "hold was lifted"),
            (Operation.HOLD_JOB, "held as its sender asked"),
        ):
            assert (await site.ipp(operation, "pull", job_id=number)).code == 0
            message = (await site.jobs.service.get(number)).message
            assert words in message
            assert message.count("cannot do copies as asked") == 1


async def test_a_lifted_hold_of_a_direct_queue_names_no_owner_at_a_printer(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        indefinite = keyword("job-hold-until", "indefinite")
        number = (await printed(site, indefinite, queue="direct")).job.get_integer("job-id")
        await site.server.desk.control.add_hold(site.people.direct.id, Hold.PAUSED, SYSTEM)
        assert (await site.ipp(Operation.RELEASE_JOB, job_id=number)).code == 0
        job = await site.jobs.service.get(number)
        assert job.holds == {Hold.PAUSED}
        assert job.message == "The operator has paused its queue."


async def test_an_event_named_ten_thousand_times_is_kept_once(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        wanted = Group(
            Tag.SUBSCRIPTION,
            (
                keyword("notify-pull-method", "ippget"),
                keyword("notify-events", *["job-created", "job-completed"] * 5000),
            ),
        )
        made = await site.ipp(Operation.CREATE_PRINTER_SUBSCRIPTIONS, groups=[wanted])
        number = made.group(Tag.SUBSCRIPTION).get_integer("notify-subscription-id")
        told = await site.ipp(
            Operation.GET_SUBSCRIPTION_ATTRIBUTES,
            attributes=[integer("notify-subscription-id", number)],
        )
        events = told.group(Tag.SUBSCRIPTION).list_words("notify-events")
        assert events == ("job-created", "job-completed")


@pytest.mark.parametrize("queue", ["pull", "direct"])
async def test_a_sender_hears_that_a_pin_of_theirs_guards_nothing(
    tmp_path: Path, queue: str
) -> None:
    async with an_intake_site(tmp_path) as site:
        pin = [octets("job-password", "1234"), keyword("job-password-encryption", "none")]
        answer = await site.ipp(Operation.PRINT_JOB, queue, attributes=pin, body=PDF)
        assert answer.code == Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
        assert "job-password" in says(answer)
        strictly = [*pin, boolean("ipp-attribute-fidelity", value=True)]
        refused = await site.ipp(Operation.PRINT_JOB, queue, attributes=strictly, body=PDF)
        assert refused.code == Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED
        without = await site.ipp(Operation.PRINT_JOB, queue, attributes=strictly[2:], body=PDF)
        assert without.code == Status.SUCCESSFUL_OK
        assert "1234" not in str((await site.jobs.service.get(1)).ticket)
