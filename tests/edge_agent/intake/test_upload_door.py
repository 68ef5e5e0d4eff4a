"""The door for uploads: curl with the primary's ticket brings a document, and nobody else does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.spool.spool import LOOK_SECONDS
from shared.crypto.signing import Signer
from shared.ids import AccountId, GatewayId, QueueId, UserId, new_id
from shared.job_states import Hold, JobState
from shared.messages import uploads
from tests.support.doors import PDF, DoorSite, a_door, curl
from tests.support.jobs import documents_of, files_under, until


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[DoorSite]:
    async with a_door(tmp_path) as site:
        yield site


async def test_a_document_comes_in_as_its_persons_job_and_the_bytes_are_the_same(
    site: DoorSite,
) -> None:
    ticket = site.ticket(title="Plan.pdf")
    status, answer = await site.put(PDF, site.sealed(ticket))
    job = await site.jobs.service.get(ticket.job_id)
    assert (status, answer["job_id"], answer["state"]) == (201, ticket.job_id, "pending-held")
    assert (job.owner_id, job.identity, job.title) == (ticket.user_id, "verified", "Plan.pdf")
    assert job.holds == {Hold.OWNER}
    assert job.source.protocol == "web"
    assert await documents_of(site.jobs, job.id) == [PDF]


async def test_a_ticket_is_good_once(site: DoorSite) -> None:
    ticket = site.sealed(site.ticket())
    assert (await site.put(PDF, ticket))[0] == 201
    assert (await site.put(PDF, ticket))[0] == 409
    assert (await site.put(PDF, site.sealed(site.ticket())))[0] == 201
    assert await site.refusals() == ["used"]


async def test_a_ticket_stays_used_when_its_job_is_over(site: DoorSite) -> None:
    from edge_agent.jobs.model import SYSTEM  # noqa: PLC0415

    ticket = site.ticket()
    assert (await site.put(PDF, site.sealed(ticket)))[0] == 201
    await site.jobs.service.cancel(ticket.job_id, SYSTEM)
    assert (await site.put(PDF, site.sealed(ticket)))[0] == 409


async def test_of_two_who_bring_one_ticket_at_the_same_moment_one_comes_in(site: DoorSite) -> None:
    ticket = site.sealed(site.ticket())
    answers = await asyncio.gather(*(site.put(PDF, ticket) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
    jobs = await site.jobs.service.list_jobs(site.people.alder.id, completed=None)
    assert len(jobs) == 1


async def test_a_ticket_ends_by_the_clock_that_runs_here(site: DoorSite) -> None:
    early, late = site.sealed(site.ticket()), site.sealed(site.ticket())
    site.clock.move(minutes=14)
    assert (await site.put(PDF, early))[0] == 201
    site.clock.move(minutes=1)
    assert (await site.put(PDF, late))[0] == 403
    assert await site.refusals() == ["expired"]


async def test_a_ticket_from_the_future_would_last_too_long(site: DoorSite) -> None:
    now = site.clock.now()
    ahead = site.ticket(
        issued_at=now + timedelta(hours=1), expires_at=now + timedelta(hours=1, minutes=15)
    )
    status, answer = await site.put(PDF, site.sealed(ahead))
    assert (status, "clock" in answer["title"]) == (403, True)


def flipped(ticket: str) -> str:
    payload = bytearray(base64.urlsafe_b64decode(ticket + "=="))
    payload[-1] ^= 1
    return base64.urlsafe_b64encode(payload).decode()


@pytest.mark.parametrize("what", ["none", "noise", "flipped", "another key", "another gateway"])
async def test_only_the_primarys_ticket_for_this_gateway_opens(site: DoorSite, what: str) -> None:
    good = site.sealed(site.ticket())
    stranger = uploads.seal(Signer(Signer.new_key()), site.ticket())
    elsewhere = site.sealed(site.ticket(gateway_id=GatewayId(new_id())))
    offered = {
        "none": None, "noise": "x" * 300, "flipped": flipped(good),
        "another key": stranger, "another gateway": elsewhere,
    }  # fmt: skip
    assert (await site.put(PDF, offered[what]))[0] == 401
    assert (await site.put(PDF, good))[0] == 201
    assert await site.refusals() == ["no-ticket"]


@pytest.mark.parametrize(
    "named",
    [
        {"account_id": AccountId(new_id())},
        {"user_id": UserId(new_id())},
        {"queue_id": QueueId(new_id())},
    ],
)
async def test_what_a_ticket_names_must_be_known_here(site: DoorSite, named: Any) -> None:
    assert (await site.put(PDF, site.sealed(site.ticket(**named))))[0] == 403
    assert (await site.put(PDF, site.sealed(site.ticket())))[0] == 201


async def test_one_accounts_ticket_reaches_nothing_of_anothers(site: DoorSite) -> None:
    alder, cedar = site.people.alder, site.people.cedar
    cleo = next(iter(cedar.users.values())).id
    for named in (
        {"account_id": cedar.id},
        {"user_id": cleo},
        {"account_id": cedar.id, "user_id": cleo},
    ):
        assert (await site.put(PDF, site.sealed(site.ticket(**named))))[0] == 403
    for account in (alder, cedar):
        assert not await site.jobs.service.list_jobs(account.id, completed=None)


async def test_a_person_who_was_locked_meanwhile_brings_nothing(site: DoorSite) -> None:
    ticket = site.sealed(site.ticket())
    site.people.change_user(site.people.alder, "ada", enabled=False)
    assert (await site.put(PDF, ticket))[0] == 403
    site.people.change_user(site.people.alder, "ada", enabled=True)
    assert (await site.put(PDF, ticket))[0] == 201


async def test_a_queue_for_some_is_for_them_alone(site: DoorSite) -> None:
    bens = replace(site.people.pull, user_ids=(site.people.alder.users["ben"].id,))
    site.people.feed.put(site.people.alder.stream, bens)
    assert (await site.put(PDF, site.sealed(site.ticket())))[0] == 403
    ben = site.ticket(user_id=site.people.alder.users["ben"].id)
    assert (await site.put(PDF, site.sealed(ben)))[0] == 201


async def test_a_direct_queue_prints_at_once(site: DoorSite) -> None:
    ticket = site.ticket(queue_id=site.people.direct.id)
    assert (await site.put(PDF, site.sealed(ticket)))[1]["state"] == "pending"
    job = await site.jobs.service.get(ticket.job_id)
    assert (job.state, job.printer_id) == (JobState.PENDING, site.people.printer_id)


async def test_a_queue_that_its_operator_closed_takes_no_uploads(
    site: DoorSite, tmp_path: Path
) -> None:
    switches = tmp_path / "queues.json"
    switches.write_text(json.dumps({site.people.pull.id: {"is_accepting": False}}))
    ticket = site.sealed(site.ticket())
    assert (await site.put(PDF, ticket))[0] == 503
    switches.unlink()
    assert (await site.put(PDF, ticket))[0] == 201


@pytest.mark.parametrize(
    ("switch", "holds"),
    [({"is_paused": True}, {Hold.PAUSED}), ({"holds_new_jobs": True}, {Hold.NEW}), ({}, set())],
    ids=["paused", "held on create", "as it was"],
)
async def test_what_the_operator_sets_counts_for_an_upload_that_is_coming(
    site: DoorSite, tmp_path: Path, switch: dict[str, bool], holds: set[Hold]
) -> None:
    ticket = site.ticket(queue_id=site.people.direct.id)
    before = set(files_under(tmp_path / "spool"))
    big = PDF + b"x" * 1_000_000
    sending = asyncio.create_task(site.put(big, site.sealed(ticket), "--limit-rate", "300k"))
    await until(lambda: set(files_under(tmp_path / "spool")) != before)
    (tmp_path / "queues.json").write_text(json.dumps({site.people.direct.id: switch}))
    assert not sending.done()
    assert (await asyncio.wait_for(sending, 60))[0] == 201
    assert (await site.jobs.service.get(ticket.job_id)).holds == holds


async def test_more_than_the_ticket_allows_does_not_come_in(site: DoorSite, tmp_path: Path) -> None:
    ticket, file = site.ticket(max_bytes=len(PDF) - 1), tmp_path / "document"
    file.write_bytes(PDF)
    # From a file curl says how long it is; from a pipe nobody knows until it has come.
    assert (await site.put(b"", site.sealed(ticket), "-T", str(file)))[0] == 413
    assert (await site.put(PDF, site.sealed(ticket)))[0] == 413
    assert await site.jobs.service.find(ticket.job_id) is None
    whole = replace(ticket, max_bytes=len(PDF))
    assert (await site.put(PDF, site.sealed(whole)))[0] == 201


@pytest.mark.parametrize(
    ("body", "named", "status"),
    [
        (PDF, "image/jpeg", 201),  # the bytes say what they are
        (b"\x01\x02\x03" * 900, "application/pdf", 201),  # they do not: the ticket says it
        (b"\x01\x02\x03" * 900, "application/octet-stream", 201),
        (b"just words", "application/pdf", 415),
        (b"\x01\x02\x03" * 900, "text/html", 415),
        (b"", "application/pdf", 422),
    ],
)
async def test_a_document_is_what_its_bytes_say(
    site: DoorSite, body: bytes, named: str, status: int
) -> None:
    ticket = site.ticket(document_format=named)
    assert (await site.put(body, site.sealed(ticket)))[0] == status


async def test_an_upload_that_is_cut_leaves_nothing_and_may_come_again(
    site: DoorSite, tmp_path: Path
) -> None:
    ticket = site.ticket()
    before = set(files_under(tmp_path / "spool"))
    big = PDF + b"x" * 900_000
    status, _ = await site.put(big, site.sealed(ticket), "--limit-rate", "200k", "--max-time", "1")
    assert status in {0, 100}
    await until(lambda: set(files_under(tmp_path / "spool")) == before)
    assert await site.jobs.service.find(ticket.job_id) is None
    assert (await site.put(big, site.sealed(ticket)))[0] == 201


async def test_a_full_disk_says_so_and_takes_the_ticket_later(tmp_path: Path) -> None:
    async with a_door(tmp_path, watermark_bytes=1 << 60) as full:
        ticket = full.ticket()
        assert (await full.put(PDF, full.sealed(ticket)))[0] == 507
        full.jobs.spool._watermark_bytes = 0
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert (await full.put(PDF, full.sealed(ticket)))[0] == 201


async def test_a_document_comes_over_tls_and_to_our_own_name(site: DoorSite) -> None:
    ticket = site.sealed(site.ticket())
    assert (await site.put(PDF, ticket, scheme="http"))[0] == 403
    assert (await site.put(PDF, ticket, "-H", "Host: evil.example"))[0] == 421
    assert (await site.put(PDF, ticket, "-X", "POST"))[0] == 405
    wrong = "sha256//" + base64.b64encode(bytes(32)).decode()
    assert (await site.put(PDF, ticket, "--pinnedpubkey", wrong))[0] == 0
    url = f"https://127.0.0.1:{site.door.port}/"
    assert (await curl("-k", url))[0] == 404
    assert (await site.put(PDF, ticket))[0] == 201
