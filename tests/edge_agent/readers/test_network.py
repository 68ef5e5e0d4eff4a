from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from edge_agent.audit import Audit
from edge_agent.identity.reader import CardRead
from edge_agent.readers.lines import Framing
from edge_agent.readers.network import LineFormat, NetworkReader, is_same_address
from shared.clock import SystemClock
from shared.ids import AccountId, GatewayId, PrinterId, ReaderId, new_id
from shared.messages.events import AuditRecorded
from shared.messages.records import ReaderMode, ReaderRecord, ReaderRole

RECORD = ReaderRecord(
    ReaderId(new_id()),
    "Reception reader",
    GatewayId(new_id()),
    PrinterId(new_id()),
    ReaderMode.PRINT_ALL,
    ReaderRole.SERVER,
    "127.0.0.1",
    0,
)


@dataclass
class Bench:
    reader: NetworkReader
    cards: asyncio.Queue[CardRead]
    audit: Audit
    audited: list[AuditRecorded]

    async def next_card(self) -> str:
        return (await asyncio.wait_for(self.cards.get(), 5)).number

    async def refusals(self) -> list[str]:
        await self.audit.flush()
        return [f"{fact.event}: {fact.detail['why']}" for fact in self.audited]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(5):
            while self.reader.port is None:
                await asyncio.sleep(0.005)
            return await asyncio.open_connection("127.0.0.1", self.reader.port)


@asynccontextmanager
async def a_reader(record: ReaderRecord = RECORD, **line_format: object) -> AsyncIterator[Bench]:
    audited: list[AuditRecorded] = []

    async def write(facts: Sequence[AuditRecorded]) -> None:
        audited.extend(facts)

    audit = Audit(SystemClock(), write)
    reader = NetworkReader(
        AccountId(new_id()),
        record,
        LineFormat(**line_format),  # type: ignore[arg-type]
        listen_host="127.0.0.1",
        audit=audit,
        clock=SystemClock(),
    )
    cards: asyncio.Queue[CardRead] = asyncio.Queue()

    async def collect() -> None:
        async for card in reader.cards():
            cards.put_nowait(card)

    task = asyncio.create_task(collect())
    yield Bench(reader, cards, audit, audited)
    task.cancel()
    await asyncio.wait([task])


async def test_a_reader_that_connects_is_heard() -> None:
    async with a_reader() as bench:
        _, writer = await bench.connect()
        writer.write(b"04a1b2c3d4e580\r\n")
        assert await bench.next_card() == "04A1B2C3D4E580"
        assert bench.reader.health().ok
        writer.close()


async def test_a_connection_from_another_address_is_refused_and_audited() -> None:
    async with a_reader(replace(RECORD, address="192.0.2.7")) as bench:
        reader, writer = await bench.connect()
        writer.write(b"04A1B2C3D4E580\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        assert bench.cards.empty()
        assert await bench.refusals() == ["reader.refused: another address than the reader's"]
        writer.close()


async def test_a_second_connection_is_refused_while_the_first_goes_on() -> None:
    async with a_reader() as bench:
        _, first = await bench.connect()
        first.write(b"01\r")
        assert await bench.next_card() == "01"
        second_reader, second = await bench.connect()
        try:
            second.write(b"02\r")
            assert await second_reader.read() == b""
        except ConnectionResetError:
            pass
        first.write(b"03\r")
        assert await bench.next_card() == "03"
        assert await bench.refusals() == ["reader.refused: the reader is connected already"]
        first.close()
        second.close()


async def test_a_reader_that_lost_its_power_may_come_back() -> None:
    async with a_reader() as bench:
        for number in (b"01", b"02", b"03"):
            _, writer = await bench.connect()
            writer.write(number + b"\r")
            assert await bench.next_card() == number.decode()
            writer.transport.abort()
            await asyncio.sleep(0.02)


async def test_hostile_bytes_are_bounded_and_the_next_card_is_read() -> None:
    async with a_reader(dedupe_ms=0) as bench:
        _, writer = await bench.connect()
        writer.write(os.urandom(200_000).replace(b"\r", b"x").replace(b"\n", b"x"))
        writer.write(b"\r04A1\r")
        assert await bench.next_card() == "04A1"
        writer.close()


async def test_a_flood_of_cards_is_cut_and_audited() -> None:
    async with a_reader(dedupe_ms=0) as bench:
        _, writer = await bench.connect()
        writer.write(b"".join(b"%08X\r" % n for n in range(500)))
        assert await bench.next_card() == "00000000"
        await asyncio.sleep(0.05)
        assert bench.cards.qsize() < 12
        refusals = await bench.refusals()
        assert refusals
        assert len(refusals) <= 20
        writer.close()


async def test_a_reader_without_delimiter_is_read_by_its_pauses() -> None:
    async with a_reader(framing=Framing(idle_ms=30)) as bench:
        _, writer = await bench.connect()
        writer.write(b"04A1")
        await writer.drain()
        writer.write(b"B2C3")
        assert await bench.next_card() == "04A1B2C3"
        writer.close()


async def test_the_gateway_connects_to_a_reader_and_comes_back_after_a_loss() -> None:
    writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def on_gateway(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.put_nowait(writer)

    server = await asyncio.start_server(on_gateway, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    record = replace(RECORD, role=ReaderRole.CLIENT, port=port)
    async with server, a_reader(record) as bench:
        for number in (b"01", b"02"):
            writer = await asyncio.wait_for(writers.get(), 5)
            writer.write(number + b"\n")
            assert await bench.next_card() == number.decode()
            writer.transport.abort()


async def test_a_reader_that_is_not_there_is_said_in_words() -> None:
    async with a_reader(replace(RECORD, role=ReaderRole.CLIENT, port=9)) as bench:
        async with asyncio.timeout(20):
            while "does not answer" not in bench.reader.health().says:
                await asyncio.sleep(0.01)
        assert not bench.reader.health().ok


@pytest.mark.parametrize(
    ("peer", "configured", "same"),
    [
        ("10.0.0.7", "10.0.0.7", True),
        ("::ffff:10.0.0.7", "10.0.0.7", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("10.0.0.8", "10.0.0.7", False),
        ("10.0.0.7", "reader.example", False),
        ("10.0.0.7", "", False),
    ],
)
def test_addresses_are_compared_as_addresses(peer: str, configured: str, same: bool) -> None:
    assert is_same_address(peer, configured) is same
