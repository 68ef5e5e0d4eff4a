"""Documents that are left out, renamed or sent late, while their job still comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.intake.attributes import boolean, integer, keyword, name
from shared.ipp.build import request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import OutOfBand
from shared.job_states import Hold
from tests.support.intake import PASSWORD, IntakeSite, an_intake_site
from tests.support.jobs import documents_of, until


async def ask(
    site: IntakeSite,
    operation: Operation,
    job_id: int | None,
    *attributes: Attribute,
    body: bytes = b"",
    group: Group | None = None,
) -> Message:
    """Ask as Ada, signed in, so that names are shown."""
    return await site.ipp(
        operation,
        "pull",
        job_id=job_id,
        attributes=attributes,
        groups=[group] if group else [],
        body=body,
        password=PASSWORD,
        secure=True,
    )


async def a_job_that_comes(site: IntakeSite, *bodies: bytes) -> int:
    made = await ask(site, Operation.CREATE_JOB, None)
    number = made.job.get_integer("job-id")
    for body in bodies:
        assert (await send(site, number, body)).code == Status.SUCCESSFUL_OK
    return number


async def send(site: IntakeSite, number: int, body: bytes, *, last: bool = False) -> Message:
    named = [boolean("last-document", value=last), name("document-name", body.decode())]
    return await ask(site, Operation.SEND_DOCUMENT, number, *named, body=body)


@pytest.mark.parametrize(
    ("left_out", "kept", "numbers"),
    [(1, [b"%PDF 2", b"%PDF 3"], [2, 3]), (2, [b"%PDF 1", b"%PDF 3"], [1, 2])],
    ids=["the first", "the last"],
)
async def test_a_document_may_follow_one_that_was_left_out(
    tmp_path: Path, left_out: int, kept: list[bytes], numbers: list[int]
) -> None:
    async with an_intake_site(tmp_path) as site:
        number = await a_job_that_comes(site, b"%PDF 1", b"%PDF 2")
        which = integer("document-number", left_out)
        assert (await ask(site, Operation.CANCEL_DOCUMENT, number, which)).code == 0
        assert (await send(site, number, b"%PDF 3", last=True)).code == Status.SUCCESSFUL_OK
        listed = await ask(site, Operation.GET_DOCUMENTS, number)
        told = [g.get_integer("document-number") for g in listed.list_groups(Tag.DOCUMENT)]
        assert told == numbers
        job = await site.jobs.service.get(number)
        assert await documents_of(site.jobs, job.id) == kept


@pytest.mark.parametrize(
    ("wanted", "called"),
    [
        ((), "%PDF 1"),
        ((name("document-name", "annex"),), "annex"),
        ((Attribute("document-name", (OutOfBand(Tag.DELETE_ATTRIBUTE),)),), ""),
    ],
    ids=["says nothing", "renames", "takes it away"],
)
async def test_a_name_changes_only_where_the_request_says_so(
    tmp_path: Path, wanted: tuple[Attribute, ...], called: str
) -> None:
    async with an_intake_site(tmp_path) as site:
        number = await a_job_that_comes(site, b"%PDF 1")
        which = integer("document-number", 1)
        changed = await ask(
            site,
            Operation.SET_DOCUMENT_ATTRIBUTES,
            number,
            which,
            group=Group(Tag.DOCUMENT, wanted),
        )
        assert changed.code == Status.SUCCESSFUL_OK
        only = keyword("requested-attributes", "document-name")
        told = await ask(site, Operation.GET_DOCUMENT_ATTRIBUTES, number, which, only)
        assert told.group(Tag.DOCUMENT).get_text("document-name") == called


@pytest.mark.parametrize(
    ("switch", "hold"),
    [({"is_paused": True}, Hold.PAUSED), ({"holds_new_jobs": True}, Hold.NEW), ({}, None)],
    ids=["paused", "held on create", "as it was"],
)
async def test_what_the_operator_sets_counts_for_a_document_that_is_coming(
    tmp_path: Path, switch: dict[str, bool], hold: Hold | None
) -> None:
    async with an_intake_site(tmp_path) as site:
        message = encode_message(request(Operation.PRINT_JOB, site.uri("direct"), user="ada"))
        begun = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield message + b"%PDF a page"
            await begun.wait()
            yield b" and another"

        sending = asyncio.create_task(site.post("/ipp/print/direct", body()))
        await until(lambda: int(site.server.health().figures["requests"]) == 1, 15)
        direct = site.people.direct.id
        await site.server.desk.queues.change(direct, **switch)
        begun.set()
        _, answer = await asyncio.wait_for(sending, 20)
        assert decode_message(answer)[0].code == Status.SUCCESSFUL_OK
        (job,) = await site.jobs.service.list_jobs(site.people.alder.id)
        assert job.holds == ({hold} if hold else frozenset())
