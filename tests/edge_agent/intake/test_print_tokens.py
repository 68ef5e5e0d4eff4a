"""A client that cannot sign in prints by a token in its path, and nothing written contains it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.intake.access import must_sign_in
from edge_agent.intake.identify import Connection, Identifier
from edge_agent.intake.ipp_call import RefusedError
from edge_agent.intake.targets import Targets, read_path, token_in
from shared.ids import PrintTokenId, QueueId, new_id
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Group
from shared.ipp.tags import Tag
from shared.messages.events import AuditRecorded
from shared.messages.records import IdentityPolicy, PrintTokenRecord
from shared.secrets import hash_print_token, new_print_token
from tests.support.intake import PASSWORD, SUITES, IntakeSite, an_intake_site, ipptool
from tests.support.people import Account

PDF = b"%PDF-1.7 the budget of next year"


def give_token(
    site: IntakeSite, name: str = "ada", *, account: Account | None = None, **changes: Any
) -> tuple[str, PrintTokenRecord]:
    """Give somebody a token, as the primary's feed would bring it."""
    account = account or site.people.alder
    token = new_print_token()
    record = PrintTokenRecord(
        PrintTokenId(new_id()), account.users[name].id, hash_print_token(token), f"{name}'s phone"
    )
    record = replace(record, **changes)
    site.people.feed.put(account.stream, record)
    return token, record


async def send(site: IntakeSite, queue: str, **more: Any) -> Any:
    return await site.ipp(Operation.PRINT_JOB, queue, body=PDF, **more)


async def events(site: IntakeSite, event: str) -> list[AuditRecorded]:
    await site.audit.flush()
    return [fact for fact in site.audited if fact.event == event]


@pytest.mark.parametrize("path", ["pull/t/{}", "alder/pull/t/{}"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_job_sent_with_a_token_is_verified_whatever_name_it_claims(
    tmp_path: Path, path: str, *, secure: bool
) -> None:
    async with an_intake_site(tmp_path) as site:
        token, record = give_token(site)
        answer = await send(site, path.format(token), user="ben", secure=secure)
        assert answer.code == Status.SUCCESSFUL_OK
        job = await site.jobs.service.find(answer.job.get_integer("job-id"))
        assert job is not None
        ada = site.people.alder.users["ada"].id
        assert (job.identity, job.owner_id, job.claimed_name) == ("verified", ada, None)
        [used] = await events(site, "token.used")
        assert (used.user_id, used.detail["token_id"]) == (ada, record.id)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_every_uri_in_an_answer_is_the_one_that_the_client_uses(
    tmp_path: Path, *, secure: bool
) -> None:
    async with an_intake_site(tmp_path) as site:
        token, _ = give_token(site)
        queue = f"pull/t/{token}"
        uri = site.uri(queue, secure=secure).replace("localhost", "127.0.0.1")
        sent = await send(site, queue, secure=secure)
        assert sent.job.find_uri("job-uri") == f"{uri}/jobs/{sent.job.get_integer('job-id')}"
        told = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, queue, secure=secure)
        [printer] = [group for group in told.groups if group.tag == Tag.PRINTER]
        assert printer.find_uri("printer-uri-supported") == uri
        assert "basic" not in printer.list_words("uri-authentication-supported")
        anybody = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, "pull", secure=secure)
        assert token not in repr(anybody)


async def test_a_token_sees_and_cancels_all_that_is_its_owners_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with an_intake_site(tmp_path) as site:
        token, _ = give_token(site)
        signed_in = {"password": PASSWORD, "secure": True}
        hers = (await send(site, "pull", user="ada", **signed_in)).job.get_integer("job-id")
        bens = (await send(site, "pull", user="ben", **signed_in)).job.get_integer("job-id")
        queue = f"pull/t/{token}"
        listed = await site.ipp(Operation.GET_JOBS, queue, user="ben")
        seen = [group.get_integer("job-id") for group in listed.groups if group.tag == Tag.JOB]
        assert seen == [hers]
        refused = await site.ipp(Operation.CANCEL_JOB, queue, job_id=bens)
        assert refused.code == Status.CLIENT_ERROR_NOT_AUTHORIZED
        done = await site.ipp(Operation.CANCEL_JOB, queue, job_id=hers)
        assert done.code == Status.SUCCESSFUL_OK


@pytest.mark.parametrize(
    "operation",
    [Operation.GET_PRINTER_ATTRIBUTES, Operation.PRINT_JOB, Operation.GET_JOBS],
    ids=lambda operation: operation.title,
)
async def test_a_wrong_token_gets_what_a_queue_gets_that_is_not_there(
    tmp_path: Path, operation: Operation
) -> None:
    async with an_intake_site(tmp_path) as site:
        wrong = await site.ipp(operation, f"pull/t/{new_print_token()}")
        nowhere = await site.ipp(operation, "nowhere")
        assert wrong.code == nowhere.code == Status.CLIENT_ERROR_NOT_FOUND
        assert wrong.groups == nowhere.groups
        [refused] = await events(site, "token.refused")
        assert refused.detail == {"reason": "unknown-token"}


async def test_a_token_ends_at_once_when_it_is_revoked_or_its_owner_is_locked_out(
    tmp_path: Path,
) -> None:
    async with an_intake_site(tmp_path) as site:
        stream, ok, gone = site.people.alder.stream, Status.SUCCESSFUL_OK, 0x0406
        first, record = give_token(site)
        second, _ = give_token(site)
        assert (await send(site, f"pull/t/{first}")).code == ok
        site.people.feed.remove(stream, PrintTokenRecord, record.id)
        assert (await send(site, f"pull/t/{first}")).code == gone
        assert (await send(site, f"pull/t/{second}")).code == ok
        site.people.change_user(site.people.alder, "ada", enabled=False)
        assert (await send(site, f"pull/t/{second}")).code == gone
        site.people.change_user(site.people.alder, "ada", enabled=True)
        assert (await send(site, f"pull/t/{second}")).code == ok
        reasons = [fact.detail["reason"] for fact in await events(site, "token.refused")]
        assert reasons == ["unknown-token", "disabled"]


async def test_a_token_that_is_over_or_for_another_queue_does_not_work(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        past = site.people.clock.now() - timedelta(seconds=1)
        over, _ = give_token(site, expires_at=past)
        direct, _ = give_token(site, queue_id=site.people.direct.id)
        elsewhere, _ = give_token(site, queue_id=QueueId(new_id()))
        codes = [
            (await send(site, f"{queue}/t/{token}")).code
            for queue, token in (
                ("pull", over), ("pull", direct), ("direct", elsewhere), ("direct", direct),
            )
        ]  # fmt: skip
        assert codes == [0x0406, 0x0406, 0x0406, Status.SUCCESSFUL_OK]


async def test_cleos_token_is_none_at_alder_and_adas_is_none_at_cedar(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path, both_accounts=True) as site:
        cedar = site.people.cedar
        theirs = replace(site.people.pull, id=QueueId(new_id()))
        site.people.feed.put(cedar.stream, theirs)
        cleos, _ = give_token(site, "cleo", account=cedar)
        adas, _ = give_token(site)
        assert (await send(site, f"alder/pull/t/{cleos}")).code == 0x0406
        assert (await send(site, f"cedar/pull/t/{adas}")).code == 0x0406
        assert (await send(site, f"cedar/pull/t/{cleos}")).code == Status.SUCCESSFUL_OK
        assert (await send(site, f"alder/pull/t/{adas}")).code == Status.SUCCESSFUL_OK


async def test_guessing_locks_the_source_but_not_a_token_that_has_worked_from_there(
    tmp_path: Path,
) -> None:
    async with an_intake_site(tmp_path) as site:
        known, _ = give_token(site)
        fresh, _ = give_token(site)
        assert (await send(site, f"pull/t/{known}")).code == Status.SUCCESSFUL_OK
        for _ in range(20):
            await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, f"pull/t/{new_print_token()}")
        assert (await send(site, f"pull/t/{fresh}")).code == 0x0406
        assert (await send(site, f"pull/t/{known}")).code == Status.SUCCESSFUL_OK
        signed_in = await send(site, "pull", user="ada", password=PASSWORD, secure=True)
        assert signed_in.code == Status.SUCCESSFUL_OK


async def test_a_token_makes_nobody_an_operator(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        site.people.change_user(site.people.alder, "ada", is_operator=True)
        token, _ = give_token(site)
        refused = await site.ipp(Operation.PAUSE_PRINTER, f"pull/t/{token}", secure=True)
        assert refused.code == Status.CLIENT_ERROR_NOT_AUTHORIZED


async def test_a_message_for_another_token_than_its_path_is_refused(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        adas, _ = give_token(site)
        bens, _ = give_token(site, "ben")
        site_uri = site.uri
        site.uri = lambda queue, *, secure=False: site_uri(f"pull/t/{bens}", secure=secure)  # type: ignore[method-assign]
        assert (await send(site, f"pull/t/{adas}")).code == Status.CLIENT_ERROR_BAD_REQUEST
        assert (await send(site, "pull")).code == Status.CLIENT_ERROR_BAD_REQUEST


@pytest.mark.parametrize(
    ("identity", "secure", "works"),
    [
        (IdentityPolicy.SIGN_IN, False, False),
        (IdentityPolicy.SIGN_IN, True, True),
        (IdentityPolicy.SIGN_IN_OVER_TLS, False, True),
        (IdentityPolicy.CLAIMED, False, True),
    ],
    ids=lambda value: getattr(value, "value", str(value)),
)
async def test_over_a_network_in_clear_a_token_counts_only_where_a_name_would(
    tmp_path: Path, identity: IdentityPolicy, *, secure: bool, works: bool
) -> None:
    async with an_intake_site(tmp_path) as site:
        token, _ = give_token(site)
        site.people.feed.put(site.people.alder.stream, replace(site.people.pull, identity=identity))
        target = Targets(site.people.directory).find("/ipp/print/pull")
        assert target is not None
        assert must_sign_in(target.account, target.queue, secure=secure) is (
            identity is IdentityPolicy.SIGN_IN
        )
        identifier = Identifier(site.people.directory, site.authentication)
        there = Connection("192.0.2.7", secure, loopback=False)
        asking = identifier.identify(
            target.with_token(token), Group(Tag.OPERATION, ()), None, there
        )
        if works:
            assert (await asking).is_verified
            return
        with pytest.raises(RefusedError, match="ipps://") as refused:
            await asking
        assert refused.value.reason == "token-in-clear"


async def test_ipptool_prints_with_a_token_and_no_file_or_log_line_contains_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    document = tmp_path / "page.pdf"
    document.write_bytes(PDF)
    state = tmp_path / "gateway"
    state.mkdir()
    async with an_intake_site(state) as site:
        token, _ = give_token(site)
        revoked, record = give_token(site)
        site.people.feed.remove(site.people.alder.stream, PrintTokenRecord, record.id)
        for secure in (False, True):
            uri = site.uri(f"pull/t/{token}", secure=secure)
            for test in ("get-printer-attributes.test", "print-job.test", "get-jobs.test"):
                run = await ipptool("-tf", str(document), uri, str(SUITES / test))
                assert run.code == 0, run.output
            wrong = site.uri(f"pull/t/{revoked}", secure=secure)
            run = await ipptool("-tf", str(document), wrong, str(SUITES / "print-job.test"))
            assert "client-error-not-found" in run.output
        assert len(await site.jobs.service.list_jobs(site.people.alder.id)) == 2
        await site.audit.flush()
        secrets = [token, revoked, token.upper()]
        assert files_with(state, secrets) == []
    assert files_with(state, secrets) == []
    assert [secret for secret in secrets if secret in caplog.text] == []
    assert files_with(state, [hash_print_token(token)]) != []  # the scan finds what is there


def files_with(folder: Path, secrets: list[str]) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file()
        for secret in secrets
        if secret.encode() in path.read_bytes()
    ]


def test_a_token_is_never_shown_where_its_path_is() -> None:
    path = read_path("/ipp/print/alder/pull/t/abcdef/jobs/7")
    assert path is not None
    assert (path.segments, path.job_number, path.token) == (("alder", "pull"), 7, "abcdef")
    assert "abcdef" not in repr(path)
    assert token_in("/ipp/print/t/pull") is None
    assert token_in("/ipp/print/t/t/t/abc") == "abc"
    assert read_path("/ipp/print/pull/t/") is None
    assert read_path("/ipp/print/a/b/c/t/abc") is None
