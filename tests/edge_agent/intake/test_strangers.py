"""IPP does not walk around the card: whoever is not entitled gets nothing, and it is noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.intake.attributes import boolean, keyword
from shared.ipp.enums import Operation, Status
from shared.job_states import Hold, JobState
from shared.messages.records import ServedAccountRecord, gateway_stream
from tests.support.intake import PASSWORD, HttpStatusError, IntakeSite, an_intake_site

PDF = b"%PDF-1.7 the budget of next year"
CHANGES = (
    Operation.CANCEL_JOB,
    Operation.RELEASE_JOB,
    Operation.HOLD_JOB,
    Operation.GET_JOB_ATTRIBUTES,
    Operation.SEND_DOCUMENT,
    Operation.CLOSE_JOB,
)


async def send_as_ada(site: IntakeSite, **more: Any) -> int:
    answer = await site.ipp(
        Operation.PRINT_JOB, "pull", password=PASSWORD, secure=True, body=PDF, **more
    )
    assert answer.code == Status.SUCCESSFUL_OK
    return answer.job.get_integer("job-id")


@pytest.mark.parametrize("operation", CHANGES, ids=[o.title for o in CHANGES])
@pytest.mark.parametrize("name", ["ada", "ben", "mallory", None])
async def test_a_claimed_name_does_not_reach_a_verified_job(
    tmp_path: Path, operation: Operation, name: str | None
) -> None:
    async with an_intake_site(tmp_path) as site:
        number = await send_as_ada(site)
        # On the loopback a password may be asked for; it is not asked for on a plain LAN.
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(operation, "pull", user=name, job_id=number)
        job = await site.jobs.service.get(number)
        assert (job.state, job.holds) == (JobState.PENDING_HELD, frozenset({Hold.OWNER}))
        refusals = await site.refusals()
        assert [(r.event, r.detail["operation"], r.source) for r in refusals] == [
            ("ipp.refused", operation.title, "127.0.0.1")
        ]


async def test_the_twin_by_the_owner_works(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        number = await send_as_ada(site)
        me: dict[str, Any] = {"password": PASSWORD, "secure": True, "job_id": number}
        shown = await site.ipp(Operation.GET_JOB_ATTRIBUTES, "pull", **me)
        assert shown.job.get_text("job-state-message") == "It waits for its owner at a printer."
        assert shown.job.list_keywords("job-state-reasons") == ("job-release-wait",)
        held = await site.ipp(Operation.HOLD_JOB, "pull", **me)
        released = await site.ipp(Operation.RELEASE_JOB, "pull", **me)
        canceled = await site.ipp(Operation.CANCEL_JOB, "pull", **me)
        again = await site.ipp(Operation.CANCEL_JOB, "pull", **me)
        assert [a.code for a in (held, released, canceled, again)] == [
            Status.SUCCESSFUL_OK,
            Status.SUCCESSFUL_OK,
            Status.SUCCESSFUL_OK,
            Status.CLIENT_ERROR_NOT_POSSIBLE,
        ]
        assert await site.refusals() == []


async def test_ben_signed_in_sees_nothing_of_adas(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        number = await send_as_ada(site)
        ben: dict[str, Any] = {"user": "ben", "password": PASSWORD, "secure": True}
        listed = await site.ipp(Operation.GET_JOBS, "pull", **ben)
        refused = await site.ipp(Operation.CANCEL_JOB, "pull", job_id=number, **ben)
        assert listed.list_groups(2) == ()
        assert refused.code == Status.CLIENT_ERROR_NOT_AUTHORIZED
        assert refused.operation.get_text("status-message") == "This job belongs to somebody else."


async def test_ada_signed_in_has_what_was_sent_in_her_name_with_its_title(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        sent = await site.ipp(Operation.PRINT_JOB, "pull", body=PDF)
        ask = [keyword("requested-attributes", "job-id", "job-name")]
        claimed = await site.ipp(Operation.GET_JOBS, "pull", attributes=ask)
        verified = await site.ipp(
            Operation.GET_JOBS, "pull", attributes=ask, password=PASSWORD, secure=True
        )
        number = sent.job.get_integer("job-id")
        assert claimed.job.get_integer("job-id") == number
        assert claimed.job.get_text("job-name") == "Document"
        assert verified.job.get_integer("job-id") == number
        assert verified.job.get_text("job-name") == "Untitled"


async def test_a_wrong_password_is_asked_for_again(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(Operation.GET_JOBS, "pull", password="guess", secure=True)
        assert (await site.refusals())[0].event == "sign-in.refused"


async def test_a_pull_queue_takes_nothing_from_a_name_that_nobody_has(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(Operation.PRINT_JOB, "pull", user="mallory", body=PDF)
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(Operation.GET_JOBS, "pull", user="mallory")
        assert await site.jobs.service.list_jobs(site.people.alder.id, completed=None) == []
        assert {r.detail["reason"] for r in await site.refusals()} == {"unknown-user"}


async def test_a_person_of_another_account_does_not_exist_here(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path, both_accounts=True) as site:
        sent = await site.ipp(
            Operation.PRINT_JOB, "alder/pull", password=PASSWORD, secure=True, body=PDF
        )
        with pytest.raises(HttpStatusError, match="401"):
            await site.ipp(
                Operation.GET_JOB_ATTRIBUTES,
                "alder/pull",
                user="cleo",
                password=PASSWORD,
                secure=True,
                job_id=sent.job.get_integer("job-id"),
            )
        missing = await site.ipp(Operation.GET_JOBS, "cedar/pull", user="cleo")
        short = await site.ipp(Operation.GET_JOBS, "pull", user="ada")
        assert missing.code == Status.CLIENT_ERROR_NOT_FOUND
        assert short.code == Status.CLIENT_ERROR_NOT_FOUND


async def test_a_queue_for_some_people_refuses_the_others_in_words(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        from dataclasses import replace  # noqa: PLC0415

        only_ben = replace(site.people.pull, user_ids=(site.people.alder.users["ben"].id,))
        site.people.feed.put(site.people.alder.stream, only_ben)
        ada = await site.ipp(Operation.PRINT_JOB, "pull", password=PASSWORD, secure=True, body=PDF)
        ben = await site.ipp(
            Operation.PRINT_JOB, "pull", user="ben", password=PASSWORD, secure=True, body=PDF
        )
        assert ada.code == Status.CLIENT_ERROR_NOT_AUTHORIZED
        assert ada.operation.get_text("status-message") == "You may not print to this queue."
        assert ben.code == Status.SUCCESSFUL_OK


async def test_a_gateway_that_no_longer_serves_an_account_has_no_queue_of_it(
    tmp_path: Path,
) -> None:
    async with an_intake_site(tmp_path) as site:
        before = await site.ipp(Operation.PRINT_JOB, "pull", body=PDF)
        people = site.people
        people.feed.remove(gateway_stream(people.gateway_id), ServedAccountRecord, people.alder.id)
        after = await site.ipp(Operation.PRINT_JOB, "pull", body=PDF)
        assert before.code == Status.SUCCESSFUL_OK
        assert after.code == Status.CLIENT_ERROR_NOT_FOUND


async def test_my_jobs_of_another_name_are_none(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        await site.ipp(Operation.PRINT_JOB, "direct", user="ada", body=PDF)
        others = await site.ipp(
            Operation.GET_JOBS, "direct", user="ben", attributes=[boolean("my-jobs", value=True)]
        )
        assert others.code == Status.SUCCESSFUL_OK
        assert others.list_groups(2) == ()
