"""Two primaries on one PostgreSQL share the work; either may die at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import ssl
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.gateways.models import GatewayState
from control_plane.primaries.models import PrimaryProcess
from control_plane.primaries.service import SERVES_FOR, count_serving
from shared.ids import CardId, GatewayId, UserId, new_id
from shared.messages.records import CardRecord, account_stream
from tests.support.counts import count, seed
from tests.support.houses import TESTER
from tests.support.line import Box, a_gateway, until
from tests.support.postgresql import PostgreSql
from tests.support.postgresql import running as a_server
from tests.support.primaries import a_primary, spoolhouse
from tests.support.two_primaries import House, Process, copy_keys, two_primaries

# A program ends with the thread that started it: one that outlives the tests and their loops.
STARTER: Final = ThreadPoolExecutor(1, "starter")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSql]:
    with a_server() as server:
        yield server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSql) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with two_primaries(folder, postgresql.new_database()) as house:
        yield house


def told(database: Database, prefix: str) -> list[str]:
    """What the primaries know, in the order in which they learned it."""
    with database.reading() as session:
        query = select(AuditEvent.event).where(AuditEvent.event.startswith(prefix))
        return list(session.scalars(query.order_by(AuditEvent.tenant, AuditEvent.seq)))


async def serving(house: House, number: int = 2) -> None:
    def names() -> int:
        with house.gateways.database.reading() as session:
            query = select(PrimaryProcess).where(PrimaryProcess.serves_until.is_not(None))
            return len([row for row in session.scalars(query) if row.serves_until])

    await until(lambda: names() >= number, "they serve", 20)


async def start(process: Process) -> None:
    await asyncio.get_running_loop().run_in_executor(STARTER, process.start)


async def connected(box: Box) -> None:
    """Also behind what was sent again while primaries were killed and started."""
    await until(lambda: box.link.health().ok, "the link is up", 60)


def a_card(house: House) -> CardRecord:
    """Change something that every gateway of Alder should hear of."""
    card = CardRecord(CardId(new_id()), UserId("u"), new_id(), "1234")
    stream = account_stream(house.gateways.town.alder.account.id)
    with house.gateways.database.writing() as session:
        feed.publish(session, stream, card)
    return card


async def knows(house: House, box: Box, card: CardRecord, seconds: float) -> float:
    began = time.monotonic()
    stream = account_stream(house.gateways.town.alder.account.id)
    await until(lambda: box.replica.find(CardRecord, stream, card.id), "the card is known", seconds)
    return time.monotonic() - began


@pytest.mark.scaled
@pytest.mark.timeout(600)
async def test_killing_either_loses_nothing_and_doubles_nothing(
    house: House, tmp_path: Path, proof: Callable[[str], None]
) -> None:
    kills, chance = count(6, 100), random.Random(seed())
    names = ["Hall", "Yard", "Roof"]
    expected: dict[str, list[str]] = {name: [] for name in names}
    in_flight = 0
    async with contextlib.AsyncExitStack() as stack:
        boxes: dict[str, Box] = {}
        for name in names:
            identity = house.gateways.enrol(house.gateways.new_gateway(name), tmp_path / name)
            running = a_gateway(house.gateways, tmp_path / name, identity)
            boxes[name] = await stack.enter_async_context(running)
        for box in boxes.values():
            await connected(box)
        await serving(house)
        ending = asyncio.Event()

        async def print_all_day(name: str) -> None:
            while not ending.is_set():
                first = len(expected[name])
                events = [f"seen.{name}.{n}" for n in range(first, first + chance.randint(1, 20))]
                expected[name] += events
                await boxes[name].tell(*events)
                await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(print_all_day(name))
            for number in range(kills):
                await asyncio.sleep(chance.uniform(0.3, 1.0))
                victim = house.both[number % 2]
                in_flight += any(box.waiting() for box in boxes.values())
                victim.kill()
                await asyncio.sleep(chance.uniform(0, 0.5))
                await start(victim)
            ending.set()
        for box in boxes.values():
            await until(lambda: box.waiting() == 0, "all is told", 60)  # noqa: B023
        card = a_card(house)
        took = [await knows(house, box, card, 10) for box in boxes.values()]
    heard = told(house.gateways.database, "seen.")
    every = [event for events in expected.values() for event in events]
    doubled = sum(times - 1 for times in Counter(heard).values())
    lost = len(set(every) - set(heard))
    proof(
        f"{kills} primaries killed, {in_flight} of them with facts in flight; {len(every)} facts"
        f" from {len(names)} gateways, {lost} lost, {doubled} doubled"
    )
    assert (lost, doubled) == (0, 0)
    assert in_flight >= kills / 2
    for name in names:
        assert [event for event in heard if event.startswith(f"seen.{name}.")] == expected[name]
    assert max(took) < 10


async def test_a_gateway_whose_primary_died_hears_of_changes_from_the_other(
    house: House, tmp_path: Path, proof: Callable[[str], None]
) -> None:
    gateway = house.gateways.new_gateway("Loft")
    identity = house.gateways.enrol(gateway, tmp_path / "box")
    async with a_gateway(house.gateways, tmp_path / "box", identity, heartbeat_seconds=30) as box:
        await connected(box)
        await serving(house)
        await knows(house, box, a_card(house), 5)
        victim = whose(house, gateway.id)
        victim.kill()
        limit = SERVES_FOR.total_seconds() + 15
        took = await knows(house, box, a_card(house), limit)
        proof(f"a change is known {took:.1f} s after the kill of the primary that pushed")
        assert took < limit
        await knows(house, box, a_card(house), 5)
        await start(victim)


def whose(house: House, gateway_id: GatewayId) -> Process:
    """Which of the two pushes to a gateway."""
    with house.gateways.database.reading() as session:
        state = session.get_one(GatewayState, gateway_id)
    return next(process for process in house.both if process.certified_name == state.pushed_by)


async def test_a_primary_that_stands_still_holds_up_nobody(house: House, tmp_path: Path) -> None:
    identity = house.gateways.enrol(house.gateways.new_gateway("Cellar"), tmp_path / "box")
    async with a_gateway(house.gateways, tmp_path / "box", identity) as box:
        await connected(box)
        await serving(house)
        os.kill(house.first.pid, signal.SIGSTOP)
        try:
            await box.tell(*(f"still.{n}" for n in range(50)))
            await until(lambda: box.waiting() == 0, "the other one takes them", 60)
        finally:
            os.kill(house.first.pid, signal.SIGCONT)
        await box.tell("still.50")
        await until(lambda: box.waiting() == 0, "both go on", 60)
    heard = told(house.gateways.database, "still.")
    assert heard == [f"still.{n}" for n in range(51)]


async def test_a_gateway_revoked_at_one_is_thrown_off_their_broker(
    house: House, tmp_path: Path
) -> None:
    gateway = house.gateways.new_gateway("Gate")
    identity = house.gateways.enrol(gateway, tmp_path / "box")
    stays = house.gateways.enrol(house.gateways.new_gateway("Door"), tmp_path / "other")
    async with (
        a_gateway(house.gateways, tmp_path / "box", identity) as box,
        a_gateway(house.gateways, tmp_path / "other", stays) as other,
    ):
        await connected(box)
        await connected(other)
        with house.gateways.database.writing() as session:
            alder = tenants.account(house.gateways.town.alder.account.id)
            gateways.revoke(session, alder, gateway.id, TESTER)
        await until(lambda: not box.link.health().ok, "the revoked one is out", 5)
        await asyncio.sleep(1.5)
        assert not box.link.health().ok
        await other.tell("other.1")
        await other.told()


def test_what_is_ended_at_one_is_ended_at_the_other(house: House) -> None:
    state = house.first.state
    key = spoolhouse(state, "key", "create", "--account", "alder", "--name", "both")
    statuses = [ask(state, process.port, key["key"]) for process in house.both]
    assert statuses == [200, 200]
    spoolhouse(state, "key", "revoke", "--account", "alder", key["id"])
    statuses = [ask(state, process.port, key["key"]) for process in house.both]
    assert statuses == [401, 401]


def ask(state: Path, port: int, key: str) -> int:
    context = ssl.create_default_context(cafile=str(state / "keys" / "ca.pem"))
    asked = urllib.request.Request(
        f"https://localhost:{port}/api/v1/me", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(asked, context=context, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_keys_of_another_installation_are_refused(house: House, tmp_path: Path) -> None:
    options = house.first.options
    with pytest.raises(RuntimeError, match="ended before"), a_primary(tmp_path / "x", *options):
        pass
    copy_keys(house.first.state, tmp_path / "third")
    with a_primary(tmp_path / "third", *options) as third:
        assert third.get("/health/live") == (200, "ok\n")


async def test_one_primary_may_use_the_broker_of_the_other(
    tmp_path: Path, postgresql: PostgreSql
) -> None:
    url = postgresql.new_database()
    with ExitStack() as stack:
        first = stack.enter_context(a_primary(tmp_path / "first", "--database", url))
        copy_keys(tmp_path / "first", tmp_path / "second")
        address = ("--broker-address", f"127.0.0.1:{first.broker_port}")
        second = a_primary(tmp_path / "second", "--database", url, *address)
        assert stack.enter_context(second).broker_port == first.broker_port
        database = Database(url)
        stack.callback(database.close)

        def serving() -> int:
            with database.reading() as session:
                return count_serving(session)

        await until(lambda: serving() == 2, "both are connected to the one broker", 60)
