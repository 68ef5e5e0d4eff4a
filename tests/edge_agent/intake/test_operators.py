"""What operators do to queues and jobs over IPP, and that nobody else can."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.intake.attributes import boolean, integer, keyword, name, octets, text, uri
from edge_agent.intake.ipp_operations import OPERATIONS, Who
from edge_agent.intake.queue_status import StatusBoard
from edge_agent.jobs.model import SYSTEM
from shared.ipp.enums import Operation, PrinterState, Status
from shared.ipp.message import Group, Message
from shared.ipp.tags import Tag
from shared.job_states import Hold, JobEvent, JobState
from tests.support.intake import PASSWORD, HttpStatusError, IntakeSite, an_intake_site
from tests.support.jobs import documents_of

PDF = b"%PDF-1.7 minutes"
OPERATOR_ONLY = sorted(o for o, rule in OPERATIONS.items() if rule.who is Who.OPERATOR)


@asynccontextmanager
async def a_site(folder: Path) -> AsyncIterator[IntakeSite]:
    async with an_intake_site(folder) as site:
        site.people.change_user(site.people.alder, "ben", is_operator=True)
        yield site


async def as_ben(site: IntakeSite, operation: int, queue: str = "direct", **more: Any) -> Message:
    return await site.ipp(operation, queue, user="ben", password=PASSWORD, secure=True, **more)


async def sent(site: IntakeSite, queue: str = "direct", **more: Any) -> int:
    answer = await site.ipp(Operation.PRINT_JOB, queue, body=PDF, **more)
    assert answer.code == Status.SUCCESSFUL_OK
    return answer.job.get_integer("job-id")


async def shown(site: IntakeSite, queue: str = "direct") -> Group:
    return (await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, queue)).printer


@pytest.mark.parametrize("operation", OPERATOR_ONLY, ids=[o.title for o in OPERATOR_ONLY])
async def test_only_an_operator_over_tls_may(tmp_path: Path, operation: Operation) -> None:
    async with a_site(tmp_path) as site:
        number = await sent(site)
        plain = await site.ipp(operation, user="ben", password=PASSWORD, job_id=number)
        ada = await site.ipp(operation, password=PASSWORD, secure=True, job_id=number)
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(operation, user="ben", secure=True, job_id=number)
        assert [plain.code, ada.code] == [Status.CLIENT_ERROR_NOT_AUTHORIZED] * 2
        assert (await site.jobs.service.get(number)).state is JobState.PENDING
        assert (await shown(site)).get_boolean("printer-is-accepting-jobs") is True
        reasons = [r.detail["reason"] for r in await site.refusals()]
        assert reasons == ["operator-needed"] * 3


async def test_a_paused_queue_lets_nothing_to_its_printer_until_it_is_resumed(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path) as site:
        before = await sent(site)
        await as_ben(site, Operation.PAUSE_PRINTER)
        after = await sent(site)
        attributes = await shown(site)
        assert attributes.get_integer("printer-state") == PrinterState.STOPPED
        assert attributes.list_keywords("printer-state-reasons") == ("paused",)
        for number in (before, after):
            job = await site.jobs.service.get(number)
            assert (job.state, job.holds) == (JobState.PENDING_HELD, frozenset({Hold.PAUSED}))
            told = await site.ipp(Operation.GET_JOB_ATTRIBUTES, job_id=number)
            assert told.job.get_integer("job-state") == JobState.PENDING
            assert told.job.list_keywords("job-state-reasons") == ("printer-stopped",)
        early = await as_ben(site, Operation.PROMOTE_JOB, job_id=after)
        assert early.code == Status.CLIENT_ERROR_NOT_POSSIBLE
        assert "place in line" in early.operation.get_text("status-message")
        await as_ben(site, Operation.RESUME_PRINTER)
        jobs = [await site.jobs.service.get(number) for number in (before, after)]
        assert [job.state for job in jobs] == [JobState.PENDING] * 2
        assert (await as_ben(site, Operation.PROMOTE_JOB, job_id=after)).code == 0


async def test_a_tap_releases_nothing_of_a_paused_pull_queue(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        number = await sent(site, "pull")
        await as_ben(site, Operation.PAUSE_PRINTER, "pull")
        ada, service = site.people.alder.users["ada"], site.jobs.service
        printer = site.people.printer_id
        tapped = await service.release(site.people.alder.id, ada.id, (), printer, SYSTEM)
        assert tapped.released == ()
        assert list(tapped.refused.values()) == ["The operator has paused its queue."]
        await as_ben(site, Operation.RESUME_PRINTER, "pull")
        again = await service.release(site.people.alder.id, ada.id, (), printer, SYSTEM)
        assert again.released == ((await service.get(number)).id,)


async def test_what_an_operator_set_outlives_a_restart(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        # The test site keeps no file: give the board one, as the agent does.
        site.server.desk.queues._board._path = tmp_path / "queues.json"
        await as_ben(site, Operation.DISABLE_PRINTER)
        refused = await site.ipp(Operation.PRINT_JOB, body=PDF)
        assert refused.code == Status.SERVER_ERROR_NOT_ACCEPTING_JOBS
        again = StatusBoard(site.people.clock, tmp_path / "queues.json")
        assert again.status(site.people.direct.id).is_accepting is False
        await as_ben(site, Operation.ENABLE_PRINTER)
        await sent(site)


async def test_new_jobs_are_held_and_released_again(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await as_ben(site, Operation.HOLD_NEW_JOBS)
        number = await sent(site)
        assert (await site.jobs.service.get(number)).holds == frozenset({Hold.NEW})
        mine = await site.ipp(Operation.RELEASE_JOB, job_id=number)
        assert mine.code == Status.CLIENT_ERROR_NOT_POSSIBLE
        await as_ben(site, Operation.RELEASE_HELD_NEW_JOBS)
        assert (await site.jobs.service.get(number)).state is JobState.PENDING


async def test_shut_down_and_started_up(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        await as_ben(site, Operation.SHUTDOWN_PRINTER)
        assert (await site.ipp(Operation.PRINT_JOB, body=PDF)).code == 0x0506
        resumed = await as_ben(site, Operation.RESUME_PRINTER)
        assert resumed.code == Status.CLIENT_ERROR_NOT_POSSIBLE
        await as_ben(site, Operation.STARTUP_PRINTER)
        await sent(site)


async def test_purge_leaves_no_job_and_no_past(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        numbers = [await sent(site), await sent(site)]
        purged = await as_ben(site, Operation.PURGE_JOBS)
        everything = [keyword("which-jobs", "all")]
        listed = await as_ben(site, Operation.GET_JOBS, attributes=everything)
        gone = await site.ipp(Operation.GET_JOB_ATTRIBUTES, job_id=numbers[0])
        assert purged.code == Status.SUCCESSFUL_OK
        assert listed.list_groups(Tag.JOB) == ()
        assert gone.code == Status.CLIENT_ERROR_NOT_FOUND
        states = {(await site.jobs.service.get(number)).state for number in numbers}
        assert states == {JobState.CANCELED}


async def test_cancel_jobs_cancels_all_named_or_none(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        numbers = [await sent(site), await sent(site), await sent(site)]
        wrong = await as_ben(
            site, Operation.CANCEL_JOBS, attributes=[integer("job-ids", numbers[0], 999)]
        )
        right = await as_ben(
            site, Operation.CANCEL_JOBS, attributes=[integer("job-ids", *numbers[:2])]
        )
        states = [(await site.jobs.service.get(number)).state for number in numbers]
        assert (wrong.code, right.code) == (Status.CLIENT_ERROR_NOT_FOUND, Status.SUCCESSFUL_OK)
        assert states == [JobState.CANCELED, JobState.CANCELED, JobState.PENDING]


async def test_cancel_my_jobs_leaves_those_of_others(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        mine, bens = await sent(site), await sent(site, user="ben")
        assert (await site.ipp(Operation.CANCEL_MY_JOBS)).code == Status.SUCCESSFUL_OK
        states = [(await site.jobs.service.get(number)).state for number in (mine, bens)]
        assert states == [JobState.CANCELED, JobState.PENDING]


async def test_a_message_of_the_operator_is_shown_and_nothing_else_can_be_set(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path) as site:
        says = Group(Tag.PRINTER, (text("printer-message-from-operator", "Back at noon"),))
        renamed = Group(Tag.PRINTER, (text("printer-info", "Mine"),))
        done = await as_ben(site, Operation.SET_PRINTER_ATTRIBUTES, groups=[says])
        refused = await as_ben(site, Operation.SET_PRINTER_ATTRIBUTES, groups=[renamed])
        assert done.code == Status.SUCCESSFUL_OK
        assert (await shown(site)).get_text("printer-message-from-operator") == "Back at noon"
        assert refused.code == Status.CLIENT_ERROR_ATTRIBUTES_NOT_SETTABLE
        assert refused.group(Tag.UNSUPPORTED).get("printer-info").value.tag == Tag.NOT_SETTABLE
        values = await site.ipp(Operation.GET_PRINTER_SUPPORTED_VALUES)
        assert "printer-message-from-operator" in values.printer


async def test_a_job_is_changed_before_it_is_printed(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        number = await sent(site, groups=[Group(Tag.JOB, (integer("copies", 2),))])
        wishes = (keyword("sides", "two-sided-long-edge"), keyword("job-hold-until", "indefinite"))
        renamed = Group(Tag.JOB, (*wishes, name("job-name", "Final")))
        done = await site.ipp(Operation.SET_JOB_ATTRIBUTES, job_id=number, groups=[renamed])
        assert done.code == Status.SUCCESSFUL_OK
        job = await site.jobs.service.get(number)
        assert (job.title, job.holds) == ("Final", frozenset({Hold.SENDER}))
        assert job.ticket["copies"] == 2
        assert job.ticket["sides"] == "two-sided-long-edge"
        foreign = Group(Tag.JOB, (integer("job-id", 7),))
        refused = await site.ipp(Operation.SET_JOB_ATTRIBUTES, job_id=number, groups=[foreign])
        assert refused.code == Status.CLIENT_ERROR_ATTRIBUTES_NOT_SETTABLE


async def test_a_kept_job_is_printed_again_as_a_new_one(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        number = await sent(site, "pull")
        for operation in (Operation.RESUBMIT_JOB, Operation.REPROCESS_JOB):
            again = await site.ipp(operation, "pull", job_id=number)
            job = await site.jobs.service.get(again.job.get_integer("job-id"))
            assert job.holds == frozenset({Hold.OWNER})
            assert await documents_of(site.jobs, job.id) == [PDF]
        await site.ipp(Operation.CANCEL_JOB, "pull", job_id=number)
        erased = await site.ipp(Operation.RESUBMIT_JOB, "pull", job_id=number)
        assert erased.code == Status.CLIENT_ERROR_NOT_POSSIBLE


async def test_restart_prints_only_what_is_kept(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        number = await sent(site)
        early = await as_ben(site, Operation.RESTART_JOB, job_id=number)
        await site.ipp(Operation.CANCEL_JOB, job_id=number)
        erased = await as_ben(site, Operation.RESTART_JOB, job_id=number)
        assert [early.code, erased.code] == [Status.CLIENT_ERROR_NOT_POSSIBLE] * 2


async def test_documents_are_listed_renamed_and_left_out(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        me: dict[str, Any] = {"password": PASSWORD, "secure": True}
        made = await site.ipp(Operation.CREATE_JOB, "pull", **me)
        number = made.job.get_integer("job-id")
        for last, body in ((False, b"%PDF one"), (True, b"%PDF two")):
            named = [boolean("last-document", value=last), name("document-name", body.decode())]
            await site.ipp(
                Operation.SEND_DOCUMENT, "pull", job_id=number, attributes=named, body=body, **me
            )
        second = [integer("document-number", 2)]
        renamed = Group(Tag.DOCUMENT, (name("document-name", "annex"),))
        await site.ipp(
            Operation.SET_DOCUMENT_ATTRIBUTES,
            "pull",
            job_id=number,
            attributes=second,
            groups=[renamed],
            **me,
        )
        one = await site.ipp(
            Operation.GET_DOCUMENT_ATTRIBUTES, "pull", job_id=number, attributes=second, **me
        )
        assert one.group(Tag.DOCUMENT).get_text("document-name") == "annex"
        first = [integer("document-number", 1)]
        await site.ipp(Operation.CANCEL_DOCUMENT, "pull", job_id=number, attributes=first, **me)
        listed = await site.ipp(Operation.GET_DOCUMENTS, "pull", job_id=number, **me)
        numbers = [g.get_integer("document-number") for g in listed.list_groups(Tag.DOCUMENT)]
        assert numbers == [2]
        job = await site.jobs.service.get(number)
        assert await documents_of(site.jobs, job.id) == [b"%PDF two"]
        only = await site.ipp(
            Operation.CANCEL_DOCUMENT, "pull", job_id=number, attributes=second, **me
        )
        assert only.code == Status.CLIENT_ERROR_NOT_POSSIBLE


async def test_a_subscriber_hears_of_their_jobs_and_of_nobody_elses(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        wanted = Group(
            Tag.SUBSCRIPTION,
            (
                keyword("notify-pull-method", "ippget"),
                keyword("notify-events", "job-created", "job-completed", "printer-state-changed"),
                octets("notify-user-data", "my phone"),
            ),
        )
        made = await site.ipp(Operation.CREATE_PRINTER_SUBSCRIPTIONS, groups=[wanted])
        subscription = made.group(Tag.SUBSCRIPTION).get_integer("notify-subscription-id")
        number = await sent(site)
        await sent(site, user="ben")
        await site.ipp(Operation.CANCEL_JOB, job_id=number)
        await as_ben(site, Operation.PAUSE_PRINTER)
        ids = [integer("notify-subscription-ids", subscription)]
        told = await site.ipp(Operation.GET_NOTIFICATIONS, attributes=ids)
        events = told.list_groups(Tag.EVENT_NOTIFICATION)
        assert [e.get_keyword("notify-subscribed-event") for e in events] == [
            "job-created",
            "job-completed",
            "printer-state-changed",
        ]
        assert {e.find_integer("notify-job-id") for e in events} == {number, None}
        later = [*ids, integer("notify-sequence-numbers", 3)]
        rest = await site.ipp(Operation.GET_NOTIFICATIONS, attributes=later)
        assert len(rest.list_groups(Tag.EVENT_NOTIFICATION)) == 1
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(Operation.GET_NOTIFICATIONS, user="mallory", attributes=ids)


async def test_subscriptions_are_listed_renewed_and_canceled(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        wanted = Group(Tag.SUBSCRIPTION, (keyword("notify-pull-method", "ippget"),))
        made = await site.ipp(Operation.CREATE_PRINTER_SUBSCRIPTIONS, groups=[wanted])
        number = made.group(Tag.SUBSCRIPTION).get_integer("notify-subscription-id")
        which = [integer("notify-subscription-id", number)]
        lease = Group(Tag.SUBSCRIPTION, (integer("notify-lease-duration", 60),))
        listed = await site.ipp(Operation.GET_SUBSCRIPTIONS)
        renewed = await site.ipp(Operation.RENEW_SUBSCRIPTION, attributes=which, groups=[lease])
        about = await site.ipp(Operation.GET_SUBSCRIPTION_ATTRIBUTES, attributes=which)
        canceled = await site.ipp(Operation.CANCEL_SUBSCRIPTION, attributes=which)
        gone = await site.ipp(Operation.GET_SUBSCRIPTION_ATTRIBUTES, attributes=which)
        assert listed.group(Tag.SUBSCRIPTION).get_integer("notify-subscription-id") == number
        assert renewed.group(Tag.SUBSCRIPTION).get_integer("notify-lease-duration") == 60
        assert about.group(Tag.SUBSCRIPTION).get_text("notify-subscriber-user-name") == "ada"
        assert canceled.code == Status.SUCCESSFUL_OK
        assert gone.code == Status.CLIENT_ERROR_NOT_FOUND


async def test_a_push_subscription_is_refused_and_one_source_gets_only_so_many(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path) as site:
        push = Group(Tag.SUBSCRIPTION, (uri("notify-recipient-uri", "mailto:a@b.example"),))
        refused = await site.ipp(Operation.CREATE_PRINTER_SUBSCRIPTIONS, groups=[push])
        assert refused.code == Status.CLIENT_ERROR_IGNORED_ALL_SUBSCRIPTIONS
        pull = Group(Tag.SUBSCRIPTION, (keyword("notify-pull-method", "ippget"),))
        codes = [
            (await site.ipp(Operation.CREATE_PRINTER_SUBSCRIPTIONS, groups=[pull] * 10)).code
            for _ in range(6)
        ]
        assert codes == [*[Status.SUCCESSFUL_OK] * 5, 0x0414]


def test_everything_that_is_advertised_has_a_handler_and_nothing_is_fetched() -> None:
    assert {Operation.PRINT_URI, Operation.SEND_URI}.isdisjoint(OPERATIONS)
    assert all(callable(rule.handler) for rule in OPERATIONS.values())


async def test_a_suspended_job_waits_and_goes_on(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        number = await sent(site)
        nothing = await site.ipp(Operation.SUSPEND_CURRENT_JOB)
        assert nothing.code == Status.CLIENT_ERROR_NOT_POSSIBLE
        service = site.jobs.service
        job = await service.get(number)
        # As the runner does before its first byte.
        await service.store.submit(
            lambda tx: service.changer.change(tx, tx.get_job(job.id), JobEvent.STARTED)
        )
        await site.ipp(Operation.SUSPEND_CURRENT_JOB)
        assert (await service.get(number)).holds == frozenset({Hold.SUSPENDED})
        await site.ipp(Operation.RESUME_JOB, job_id=number)
        assert (await service.get(number)).state is JobState.PENDING


async def test_who_is_no_operator_any_more_may_nothing_more(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        first = await as_ben(site, Operation.PAUSE_PRINTER)
        ben = replace(site.people.alder.users["ben"], is_operator=False)
        site.people.feed.put(site.people.alder.stream, ben)
        second = await as_ben(site, Operation.RESUME_PRINTER)
        assert first.code == Status.SUCCESSFUL_OK
        assert second.code == Status.CLIENT_ERROR_NOT_AUTHORIZED
