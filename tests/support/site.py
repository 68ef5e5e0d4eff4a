"""A whole gateway in one process, with readers, a screen and a real printer; no network at all.

::

    async with a_site(tmp_path, printer) as site:
        await site.submit(DOCUMENT, user="ada")
        await site.reader.tap(ADAS_CARD)
        assert await site.next_document() == DOCUMENT
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from edge_agent.agent import Agent
from edge_agent.parts import build_parts
from edge_agent.readers.network import NetworkReader
from edge_agent.readers.service import CardReaders
from shared.crypto import sealing
from shared.ids import GatewayId, ReaderId, new_id
from shared.ipp.build import attribute, request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation
from shared.ipp.message import Group, Message
from shared.ipp.values import Name
from shared.messages import codec
from shared.messages.records import ReaderRecord, SecretRecord, ServiceSetting, secret_context
from tests.support.ippeveprinter import EvePrinter
from tests.support.moving_clock import SkippingClock
from tests.support.people import PASSWORD, People, people
from tests.support.screen import Screen, a_screen

SERVICES = (
    "storage", "authentication", "document-output", "health", "ipp", "terminal-client",
    "card-readers",
)  # fmt: skip


@dataclass
class TappedReader:
    """A TCP reader that connects to the gateway, as its record says."""

    agent: Agent
    record: ReaderRecord
    _writer: asyncio.StreamWriter | None = None

    async def tap(self, card: str) -> None:
        if self._writer is None:
            self._writer = await self.connect()
        self._writer.write(card.encode() + b"\r\n")
        await self._writer.drain()

    async def connect(self) -> asyncio.StreamWriter:
        async with asyncio.timeout(5):
            while (port := self._port()) is None:
                await asyncio.sleep(0.005)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        return writer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    def _port(self) -> int | None:
        service = self.agent.keeper.find("card-readers")
        assert isinstance(service, CardReaders)
        reader = service.find(ReaderId(self.record.id))
        return reader.port if isinstance(reader, NetworkReader) else None


@dataclass
class Site:
    """What a story is told with."""

    state_dir: Path
    people: People
    agent: Agent
    printer: EvePrinter
    screen: Screen
    clock: SkippingClock
    reader: TappedReader = field(init=False)
    chooser: TappedReader = field(init=False)
    printed: int = 0

    def __post_init__(self) -> None:
        self.reader = TappedReader(self.agent, self.people.reader)
        self.chooser = TappedReader(self.agent, self.people.chooser)

    async def submit(
        self,
        document: bytes,
        *,
        user: str = "ada",
        queue: str = "alder/pull",
        title: str = "report",
    ) -> int:
        """Send a document by IPP with a password; returns the job's number at the gateway."""
        answer = await self.ipp(Operation.PRINT_JOB, document, user=user, queue=queue, title=title)
        assert answer.code == 0, answer
        return answer.job.get_integer("job-id")

    async def ipp(
        self,
        operation: Operation,
        document: bytes = b"",
        *,
        user: str | None = "ada",
        password: str | None = PASSWORD,
        queue: str = "alder/pull",
        title: str = "report",
        groups: tuple[Group, ...] = (),
        **more: Any,
    ) -> Message:
        base = f"127.0.0.1:{self.port('ipp')}/ipp/print/{queue}"
        named = [attribute("job-name", Name(title)), *more.pop("attributes", ())]
        asked = request(
            operation, f"ipp://{base}", user=user, groups=groups, attributes=named, **more
        )
        headers = {"Content-Type": "application/ipp"}
        if user and password:
            headers["Authorization"] = aiohttp.encode_basic_auth(user, password)
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"http://{base}", data=encode_message(asked) + document, headers=headers
            ) as response,
        ):
            answer, _ = decode_message(await response.read())
        return answer

    async def next_document(self) -> bytes:
        """Wait for the next document that the printer received whole."""
        async with asyncio.timeout(10):
            while len(self.printer.documents()) <= self.printed:
                await asyncio.sleep(0.005)
            await self.settled()
        document = self.printer.documents()[self.printed]
        self.printed += 1
        return document

    async def counted(self) -> None:
        """Wait until the pages of what waits are counted, as they are long before a person comes."""
        async with asyncio.timeout(20):
            while self.query("SELECT count(*) FROM jobs WHERE impressions_source IS NULL")[0][0]:
                await asyncio.sleep(0.02)

    async def settled(self) -> None:
        """Wait until nothing is pending or being printed."""
        async with asyncio.timeout(10):
            while self.query("SELECT count(*) FROM jobs WHERE state IN (3, 5)")[0][0]:
                await asyncio.sleep(0.005)

    async def facts(self, kind: str) -> list[Any]:
        """List the facts of a kind that wait to be told to the primary."""
        await self.agent.parts.audit.flush()
        rows = self.query("SELECT row FROM outbox WHERE lane = 'facts' ORDER BY epoch, seq")
        read = [codec.loads(row[0]) for row in rows]
        return [row["body"] for row in read if row["kind"] == kind]

    async def audited(self, event: str) -> list[Any]:
        return [f for f in await self.facts("audit.recorded") if f["event"] == event]

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.state_dir / "jobs.db")) as connection:
            return connection.execute(sql, values).fetchall()

    def port(self, service: str) -> int:
        found = self.agent.keeper.find(service)
        assert found is not None, f"{service}: {self.agent.keeper.errors}"
        port: int = found.port  # type: ignore[attr-defined]
        return port

    @property
    def stations(self) -> Any:
        return self.agent.parts.stations


@asynccontextmanager
async def a_site(
    state_dir: Path, printer: EvePrinter, *, encode_calls: bool = False, **filling: Any
) -> AsyncIterator[Site]:
    """Start a gateway that was told everything and has no line to anybody."""
    gateway_id = GatewayId(new_id())
    key = sealing.new_key()
    state_dir.mkdir(exist_ok=True)

    def seal(secret: bytes, record_id: str) -> bytes:
        return sealing.seal(sealing.public_key(key), secret, secret_context(record_id))

    def unseal(record: SecretRecord) -> bytes:
        return sealing.unseal(key, record.sealed, secret_context(record.id))

    filled = people(state_dir, printer_uri=printer.uri, seal=seal, gateway_id=gateway_id, **filling)
    filled.gateway(**{name.replace("-", "_"): ServiceSetting(port=0) for name in SERVICES})
    clock = SkippingClock()
    parts = build_parts(state_dir, gateway_id, clock, unseal=unseal, encode_calls=encode_calls)
    # What the primary sends later reaches the running gateway's own replica.
    filled.feed.into(parts.replica)
    agent = Agent(parts)
    running = asyncio.create_task(agent.run(), name="site")
    try:
        await _first(agent.ready.wait(), running)
        assert agent.keeper.errors == {}, agent.keeper.errors
        site = Site(state_dir, filled, agent, printer, Screen(""), clock)
        await site.screen.close()
        async with a_screen(f"http://127.0.0.1:{site.port('terminal-client')}") as screen:
            site.screen = screen
            yield site
        site.reader.close()
        site.chooser.close()
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=10)
        filled.replica.close()
        assert running.done()
        if not running.cancelled() and running.exception() is not None:
            raise running.exception()  # type: ignore[misc]


async def _first(ready: Any, running: asyncio.Task[None]) -> None:
    waiting = asyncio.ensure_future(ready)
    async with asyncio.timeout(20):
        await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
