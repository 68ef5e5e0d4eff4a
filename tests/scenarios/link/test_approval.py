"""A box with a right code waits until somebody approves it, where the account wants that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import AccountChanges
from control_plane.enrolment import approval, words
from control_plane.enrolment.models import EnrolmentRequest, GatewayCertificate
from control_plane.errors import ConflictError
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from edge_agent import asking, enrolment
from edge_agent.enrolment import FOLDER, EnrolmentError, StillWaitingError
from edge_agent.settings import read_settings
from tests.scenarios.link.test_enrolment import a_code
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Primary, a_gateway, until


@pytest.fixture
def gateway(primary: Primary, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway that is to be, of an account that wants to approve its machines."""
    monkeypatch.setattr(enrolment, "_ASK_SECONDS", 0.1)
    want_approval(primary)
    return primary.new_gateway("Hall")


def want_approval(primary: Primary, *, wanted: bool = True) -> None:
    with primary.database.writing() as session:
        body = AccountChanges(gateways_need_approval=wanted)
        accounts.update(session, primary.town.alder.account.id, body, TESTER, vault=primary.vault)


def waiting(primary: Primary) -> list[EnrolmentRequest]:
    with primary.database.reading() as session:
        return list(approval.list_waiting(session, tenants.account(primary.town.alder.account.id)))


def decide(primary: Primary, *, approve: bool) -> None:
    [box] = waiting(primary)
    owner = tenants.account(primary.town.alder.account.id)
    with primary.database.writing() as session:
        approval.decide(
            session, owner, box.gateway_id, box.key_fingerprint, TESTER, approve=approve
        )


async def test_a_box_waits_visibly_and_is_the_gateway_when_somebody_approves_it(
    primary: Primary, url: str, gateway: Gateway, tmp_path: Path
) -> None:
    said: list[str] = []
    state = tmp_path / "box"
    task = asyncio.create_task(
        enrolment.enrol(state, a_code(primary, gateway, url), say=said.append)
    )
    await until(lambda: waiting(primary), "the box waits")
    await until(lambda: said, "it says so")
    [box] = waiting(primary)
    # Machine and page show the same.
    assert f"fingerprint of its own key: {words.fingerprint(box.key_fingerprint)}" in said
    assert not (state / "agent.toml").exists()
    assert primary.count("gateway.enrolled") == 0
    decide(primary, approve=True)
    settings = await asyncio.wait_for(task, 20)
    assert settings == read_settings(state)
    assert asking.find(state / FOLDER) is None
    assert [primary.count(f"gateway.box-{act}") for act in ("waits", "approved")] == [1, 1]
    async with a_gateway(primary, state, enrolment.load(state)) as found:
        await found.connected()


async def test_a_refused_box_is_told_so_and_its_code_stays_used_up(
    primary: Primary, url: str, gateway: Gateway, tmp_path: Path
) -> None:
    code = a_code(primary, gateway, url)
    task = asyncio.create_task(enrolment.enrol(tmp_path / "box", code))
    await until(lambda: waiting(primary), "the box waits")
    decide(primary, approve=False)
    with pytest.raises(EnrolmentError, match="refused it"):
        await asyncio.wait_for(task, 20)
    assert asking.find(tmp_path / "box" / FOLDER) is None
    want_approval(primary, wanted=False)
    with pytest.raises(EnrolmentError, match="does not accept"):
        await enrolment.enrol(tmp_path / "box", code)
    assert not (tmp_path / "box" / "agent.toml").exists()


async def test_waiting_goes_on_after_the_command_was_ended(
    primary: Primary, url: str, gateway: Gateway, tmp_path: Path
) -> None:
    code, state = a_code(primary, gateway, url), tmp_path / "box"
    with pytest.raises(StillWaitingError):
        await enrolment.enrol(state, code, wait_seconds=0.3)
    [before] = waiting(primary)
    task = asyncio.create_task(enrolment.enrol(state, None))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    [after] = waiting(primary)
    assert after.key_fingerprint == before.key_fingerprint
    decide(primary, approve=True)
    assert (await enrolment.enrol(state, None)).gateway_id == gateway.id
    with pytest.raises(EnrolmentError, match="nothing waits"):
        await enrolment.enrol(state, None)


async def test_another_box_with_the_same_code_gets_nothing_of_the_approval(
    primary: Primary, url: str, gateway: Gateway, tmp_path: Path
) -> None:
    code = a_code(primary, gateway, url)
    with pytest.raises(StillWaitingError):
        await enrolment.enrol(tmp_path / "box", code, wait_seconds=0)
    with pytest.raises(EnrolmentError, match="does not accept"):
        await enrolment.enrol(tmp_path / "thief", code)
    decide(primary, approve=True)
    with pytest.raises(EnrolmentError, match="does not accept"):
        await enrolment.enrol(tmp_path / "thief", code)
    await enrolment.enrol(tmp_path / "box", None)


async def test_an_answer_that_was_lost_is_given_again_to_the_same_box(
    primary: Primary, url: str, gateway: Gateway, tmp_path: Path
) -> None:
    state = tmp_path / "box"
    with pytest.raises(StillWaitingError):
        await enrolment.enrol(state, a_code(primary, gateway, url), wait_seconds=0)
    kept = (state / FOLDER / "asking.json").read_bytes()
    decide(primary, approve=True)
    await enrolment.enrol(state, None)
    (state / FOLDER / "asking.json").write_bytes(kept)
    await enrolment.enrol(state, None)
    assert primary.count("gateway.enrolled") == 1
    with primary.database.reading() as session:
        rows = session.scalars(
            select(GatewayCertificate).where(GatewayCertificate.gateway_id == gateway.id)
        ).all()
    assert [row.revoked_at for row in rows] == [None, None]


@pytest.mark.parametrize("end", ["day", "code", "revoked"])
async def test_nobody_is_approved_who_waited_too_long_or_for_nothing(
    end: str, primary: Primary, url: str, gateway: Gateway, tmp_path: Path
) -> None:
    state = tmp_path / "box"
    with pytest.raises(StillWaitingError):
        await enrolment.enrol(state, a_code(primary, gateway, url), wait_seconds=0)
    [box] = waiting(primary)
    owner = tenants.account(primary.town.alder.account.id)
    with primary.database.writing() as session:
        if end == "day":
            before = CLOCK.now() - timedelta(seconds=1)
            session.execute(update(EnrolmentRequest).values(expires_at=before))
        elif end == "revoked":
            gateways.revoke(session, owner, gateway.id, TESTER)
    if end == "code":
        a_code(primary, gateway, url)
    assert waiting(primary) == []
    with primary.database.writing() as session, pytest.raises(ConflictError):
        approval.decide(session, owner, gateway.id, box.key_fingerprint, TESTER, approve=True)
    with pytest.raises(EnrolmentError) as refused:
        await enrolment.enrol(state, None)
    assert ("within a day" in str(refused.value)) == (end != "revoked")


async def test_what_the_primary_answers_in_between_does_not_end_the_waiting(
    primary: Primary, url: str, gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real: Callable[..., object] = approval.ask
    task = asyncio.create_task(
        enrolment.enrol(tmp_path / "box", a_code(primary, gateway, url), say=said.append)
    )
    await until(lambda: waiting(primary), "the box waits")

    def fail(*_of: object, **_more: object) -> object:
        raise RuntimeError("a bad moment")

    monkeypatch.setattr(approval, "ask", fail)
    await until(lambda: any("asking on" in line for line in said), "it asks on")
    monkeypatch.setattr(approval, "ask", real)
    decide(primary, approve=True)
    await asyncio.wait_for(task, 20)
