"""The same link on PostgreSQL, and two primaries' workers at once on one database."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.feed import service as feed
from control_plane.ingest import facts, marks
from control_plane.models import Base
from shared.ids import CardId, UserId, new_id
from shared.messages import codec, envelope
from shared.messages.envelope import BatchHeader, Lane
from shared.messages.events import AuditRecorded
from shared.messages.hello import LaneHello
from shared.messages.records import CardRecord, account_stream
from tests.support.counts import count
from tests.support.line import CLOCK, Primary, a_gateway, a_primary, until
from tests.support.postgresql import PostgreSql, running


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSql]:
    with running() as server:
        yield server


@pytest.fixture
def database(postgresql: PostgreSql) -> Iterator[Database]:
    database = Database(postgresql.new_database())
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
async def primary(tmp_path: Path, database: Database) -> AsyncIterator[Primary]:
    async with a_primary(tmp_path / "primary", database) as primary:
        yield primary


def told(database: Database) -> Counter[str]:
    with database.reading() as session:
        query = select(AuditEvent.event).where(AuditEvent.event.startswith("seen."))
        return Counter(session.scalars(query))


async def test_facts_and_changes_with_a_killed_broker(primary: Primary, tmp_path: Path) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    stream = account_stream(primary.town.alder.account.id)
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        for number in range(30):
            await box.tell(f"seen.{number}")
            if number == 15:
                os.kill(primary.link.broker.pid or 0, signal.SIGKILL)
        card = CardRecord(CardId(new_id()), UserId("u"), "a" * 64, "1234")
        with primary.database.writing() as session:
            feed.publish(session, stream, card)
        await until(lambda: box.waiting() == 0, "everything is acknowledged", 30)
        await until(lambda: box.replica.find(CardRecord, stream, card.id), "the card is known")
    assert told(primary.database) == Counter(f"seen.{n}" for n in range(30))


async def test_two_workers_that_apply_the_same_rows_apply_them_once(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    epoch, lane = "e" * 32, Lane.FACTS
    start = envelope.chain_start(gateway.id, lane, epoch)
    with primary.database.writing() as session:
        marks.on_hello(session, gateway.id, lane, LaneHello(epoch, 1, start.hex(), 1))
    rows = [a_row(n) for n in range(1, 101)]
    payloads = []
    chain = start
    for first in range(0, 100, 10):
        some = rows[first : first + 10]
        header = BatchHeader(1, lane, epoch, first + 1, chain.hex())
        payloads.append(envelope.encode_batch(header, some))
        chain = envelope.chain_over(chain, some)

    def work() -> None:
        # Each worker gets everything; what is early for it is asked for again.
        waiting = list(payloads)
        while waiting:
            batch = envelope.decode_batch(waiting[0])
            with primary.database.writing() as session:
                ack = facts.receive(session, gateway.id, batch)
            if ack.upto_seq >= batch.last:
                waiting.pop(0)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join, 30)
    assert told(primary.database) == Counter(f"seen.{n}" for n in range(1, 101))


@pytest.mark.scaled
async def test_a_database_that_crashes_in_flight_loses_nothing(
    primary: Primary, tmp_path: Path, proof: Callable[[str], None]
) -> None:
    """One backend that dies makes PostgreSQL end all others and recover from its log."""
    crashes = count(3, 30)
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    names: list[str] = []
    in_flight = 0
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        for _ in range(crashes):
            for _ in range(10):
                some = [f"seen.{n}" for n in range(len(names), len(names) + 20)]
                names += some
                await box.tell(*some)
                await asyncio.sleep(0.02)
            in_flight += box.waiting() > 0
            await asyncio.to_thread(crash, primary.database)
        await until(lambda: box.waiting() == 0, "everything is acknowledged", 60)
    assert told(primary.database) == Counter(names)
    proof(f"{crashes} crashes of PostgreSQL, {in_flight} with facts in flight; {len(names)} facts,"
          " 0 lost, 0 doubled")  # fmt: skip


def crash(database: Database) -> None:
    """Kill one backend, once the server has recovered from the last time."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with database.engine.connect() as connection:
                pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                os.kill(pid, signal.SIGKILL)
                connection.invalidate()
                return
        except OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def a_row(seq: int) -> bytes:
    fact = AuditRecorded(new_id(), f"seen.{seq}", "ok", CLOCK.now())
    at = codec.to_plain(fact.at)
    return envelope.encode_row(seq, fact.KIND, fact.entity, at, codec.to_plain(fact))
