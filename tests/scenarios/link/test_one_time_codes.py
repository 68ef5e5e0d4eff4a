"""A one-time code for printers: known at every gateway, and ended at all by its use at one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from control_plane.users import codes
from edge_agent.audit import Audit
from edge_agent.calls import Calls
from edge_agent.identity.authentication import Authentication
from edge_agent.identity.codes import Codes
from edge_agent.identity.directory import Directory
from edge_agent.identity.enrolling import Enrolling
from shared.ids import UserId
from shared.messages.calls import Authenticated, AuthenticatePassword
from shared.messages.events import AuditRecorded, CardEnrolled, SignInCodeUsed
from shared.messages.records import SignInCode, UserRecord, account_stream
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Box, Primary, a_gateway, until


@asynccontextmanager
async def signing_in(state: Path, box: Box) -> AsyncIterator[Authentication]:
    """Sign-in at a gateway that tells what happened by its own line."""

    async def write(_facts: Sequence[AuditRecorded]) -> None:
        pass

    async def tell(fact: CardEnrolled | SignInCodeUsed) -> None:
        await box.store.submit(lambda tx: tx.enqueue(fact))

    async def untold() -> Sequence[CardEnrolled]:
        return []

    audit = Audit(CLOCK, write)
    directory = Directory(box.replica, box.gateway_id, box.identity.unseal, CLOCK)
    enrolling = Enrolling(
        directory, audit, CLOCK, lender=box.replica, tell=tell, untold=untold
    )  # fmt: skip
    service = Authentication(
        state, directory, Calls(CLOCK), audit, CLOCK, enrolling=enrolling, codes=Codes(CLOCK, tell)
    )
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def types(service: Authentication, primary: Primary, code: str) -> Authenticated:
    alder = primary.town.alder.account.id
    header = Calls(CLOCK).header()
    call = AuthenticatePassword(header, alder, "ben", code, "terminal:1")
    return await service.authenticate_password(call)


def make(primary: Primary) -> str:
    alder, ben = primary.town.alder.account.id, UserId(primary.town.ben.id)
    with primary.database.writing() as session:
        return codes.make(session, alder, ben, TESTER, vault=primary.vault).code


def code_at(primary: Primary, box: Box) -> SignInCode | None:
    stream = account_stream(primary.town.alder.account.id)
    record = box.replica.find(UserRecord, stream, primary.town.ben.id)
    return record.code if record is not None else None


async def test_used_at_one_gateway_it_is_refused_at_the_other(
    primary: Primary, tmp_path: Path
) -> None:
    one = primary.enrol(primary.town.alder.gateway, tmp_path / "one")
    two = primary.enrol(primary.new_gateway("Alder two"), tmp_path / "two")
    async with (
        a_gateway(primary, tmp_path / "one", one) as here,
        a_gateway(primary, tmp_path / "two", two) as there,
        signing_in(tmp_path / "one", here) as at_one,
        signing_in(tmp_path / "two", there) as at_two,
    ):
        await asyncio.gather(here.connected(), there.connected())
        code = make(primary)
        for box in (here, there):
            await until(lambda box=box: code_at(primary, box), "the code is known")  # type: ignore[misc]
        assert (await types(at_one, primary, code)).ok
        for box in (here, there):
            await until(lambda box=box: code_at(primary, box) is None, "it has ended")  # type: ignore[misc]
        assert not (await types(at_two, primary, code)).ok
        newer = make(primary)
        await until(lambda: code_at(primary, there), "the newer one is known")
        assert (await types(at_two, primary, newer)).ok
        await there.told()
    assert primary.count("user.code-used") == 2


async def test_a_gateway_without_a_line_takes_what_it_was_told_and_tells_later(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "one")
    async with a_gateway(primary, tmp_path / "one", identity) as box:
        await box.connected()
        code = make(primary)
        await until(lambda: code_at(primary, box), "the code is known")
    async with (
        a_gateway(primary, tmp_path / "one", identity, broker_port=1) as cut,
        signing_in(tmp_path / "one", cut) as service,
    ):
        assert (await types(service, primary, code)).ok
        assert not (await types(service, primary, code)).ok
    assert primary.count("user.code-used") == 0
    async with a_gateway(primary, tmp_path / "one", identity) as box:
        await box.connected()
        await until(lambda: code_at(primary, box) is None, "it has ended")
    assert primary.count("user.code-used") == 1
