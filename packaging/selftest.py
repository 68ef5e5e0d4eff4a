"""Runs inside everything we ship: a document is sent, held, released by a card and printed.

A gateway on free ports in a temporary folder, told what to do by a feed page as the primary
would send it; a printer of a few lines; nothing else is needed on the machine. Exit code 0 when
the printer received the document byte for byte.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from edge_agent.agent import Agent
from edge_agent.counting import child
from edge_agent.counting.counter import PageCounter
from edge_agent.parts import build_parts
from edge_agent.sync.replica import Replica
from shared import cards
from shared.clock import SystemClock
from shared.ids import (
    AccountId,
    CardId,
    GatewayId,
    PrinterId,
    QueueId,
    ReaderId,
    UserId,
    new_id,
)
from shared.ipp import Message, decode_message, encode_message
from shared.ipp.build import attribute, each, request, response
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Attribute, Group
from shared.ipp.tags import Tag
from shared.ipp.values import Boolean, Enum, Integer, Keyword, MimeMediaType, Name, Uri
from shared.messages import codec
from shared.messages.feed import FeedPage, FeedRow, SnapshotPart
from shared.messages.records import (
    KINDS,
    AccountRecord,
    CardRecord,
    GatewayRecord,
    IdentityPolicy,
    PrinterRecord,
    QueueRecord,
    QueueType,
    ReaderMode,
    ReaderRecord,
    ReaderRole,
    SecretRecord,
    ServedAccountRecord,
    ServiceSetting,
    UserRecord,
    account_stream,
    gateway_stream,
)

SECONDS = 60.0
CARD = "04A224B2C35E80"
HERE = "127.0.0.1"
COMPLETED, HELD = 9, 4
SERVICES = ("storage", "authentication", "document-output")


class SelfTestError(Exception):
    """The build does not do what it is for."""


def free_port() -> int:
    with socket.create_server((HERE, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Printer:
    """Takes every job and says at once that it is printed."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received: asyncio.Queue[bytes] = asyncio.Queue(4)

    @property
    def uri(self) -> str:
        return f"ipp://{HERE}:{self.port}/ipp/print"

    async def answer(self, asked: web.Request) -> web.Response:
        body = await asked.read()
        message, start = decode_message(body)
        if message.code in {Operation.PRINT_JOB, Operation.SEND_DOCUMENT}:
            await self.received.put(body[start:])
        groups = [_describe(self.uri)]
        if message.code != Operation.GET_PRINTER_ATTRIBUTES:
            groups = [Group(Tag.JOB, tuple(_printed(self.uri)))]
        data = encode_message(response(Status.SUCCESSFUL_OK, message, groups=groups))
        return web.Response(body=data, content_type="application/ipp")


def _describe(uri: str) -> Group:
    operations = (
        Operation.PRINT_JOB,
        Operation.GET_PRINTER_ATTRIBUTES,
        Operation.GET_JOB_ATTRIBUTES,
    )
    return Group(
        Tag.PRINTER,
        (
            attribute("printer-uri-supported", Uri(uri)),
            attribute("printer-state", Enum(3)),
            attribute("printer-state-reasons", Keyword("none")),
            attribute("printer-is-accepting-jobs", Boolean(True)),  # noqa: FBT003
            each("operations-supported", lambda code: Enum(int(code)), operations),
            each("document-format-supported", MimeMediaType, ["application/pdf"]),
        ),
    )


def _printed(uri: str) -> list[Attribute]:
    return [
        attribute("job-id", Integer(1)),
        attribute("job-uri", Uri(f"{uri}/1")),
        attribute("job-state", Enum(COMPLETED)),
        attribute("job-state-reasons", Keyword("job-completed-successfully")),
        attribute("job-impressions-completed", Integer(1)),
    ]


class Site:
    """What the gateway is told: one account, one person with a card, one queue."""

    def __init__(self, printer_uri: str) -> None:
        self.gateway_id = GatewayId(new_id())
        self.ipp_port, self.reader_port = free_port(), free_port()
        self.account_id = AccountId(new_id())
        self._user = UserId(new_id())
        self._printer = PrinterRecord(PrinterId(new_id()), "Self-test printer", printer_uri)
        self._card_key = os.urandom(32)

    @property
    def queue_uri(self) -> str:
        return f"ipp://{HERE}:{self.ipp_port}/ipp/print/pull"

    def gateway_records(self) -> list[Any]:
        services = {name: ServiceSetting() for name in SERVICES} | {
            "ipp": ServiceSetting(port=self.ipp_port),
            "card-readers": ServiceSetting(),
        }
        secrets = (("pepper", os.urandom(32)), ("card-hmac", self._card_key))
        return [
            GatewayRecord(self.gateway_id, "Self-test", services=services),
            ServedAccountRecord(self.account_id),
            *(
                SecretRecord(f"{self.account_id}/{use}/1", self.account_id, use, 1, secret)
                for use, secret in secrets
            ),
        ]

    def account_records(self) -> list[Any]:
        canonical = cards.canonical(CARD)
        card_hash = cards.card_hash(self._card_key, canonical)
        return [
            AccountRecord(self.account_id, "Self-test", "selftest"),
            UserRecord(self._user, "ada", "Ada"),
            CardRecord(CardId(new_id()), self._user, card_hash, canonical.last4),
            self._printer,
            QueueRecord(
                QueueId(new_id()), "Pull", "pull", QueueType.PULL, identity=IdentityPolicy.CLAIMED
            ),
            ReaderRecord(
                ReaderId(new_id()), "Reader", self.gateway_id, self._printer.id,
                ReaderMode.PRINT_ALL, ReaderRole.SERVER, HERE, self.reader_port,
            ),
        ]  # fmt: skip

    def tell(self, replica: Replica) -> None:
        """Give the gateway its two streams, each as a snapshot of one page."""
        kinds = {record: kind for kind, record in KINDS.items()}
        for stream, records in (
            (gateway_stream(self.gateway_id), self.gateway_records()),
            (account_stream(self.account_id), self.account_records()),
        ):
            rows = tuple(
                FeedRow(kinds[type(r)], r.id, 1, n, False, codec.to_plain(r))  # noqa: FBT003
                for n, r in enumerate(records, start=1)
            )
            page = FeedPage(
                v=1, gateway_id=self.gateway_id, stream=stream, feed_epoch="selftest", after=0,
                upto=len(rows), rows=rows, issued_at=SystemClock().now(),
                snapshot=SnapshotPart(new_id(), 0, last=True),
            )  # fmt: skip
            replica.apply(page)


async def ask(http: aiohttp.ClientSession, uri: str, asked: Message, document: bytes) -> Message:
    url = uri.replace("ipp://", "http://", 1)
    headers = {"Content-Type": "application/ipp"}
    async with http.post(url, data=encode_message(asked) + document, headers=headers) as answer:
        message, _ = decode_message(await answer.read())
    return message


async def send(site: Site, document: bytes) -> None:
    """Print-Job, as a computer does; it must be held."""
    asked = request(
        Operation.PRINT_JOB, site.queue_uri, user="ada",
        attributes=[
            attribute("job-name", Name("selftest.pdf")),
            attribute("document-format", MimeMediaType("application/pdf")),
        ],
    )  # fmt: skip
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        answer = await ask(http, site.queue_uri, asked, document)
    states = [
        value.value
        for group in answer.groups
        for found in group.attributes
        if found.name == "job-state"
        for value in found.values
        if isinstance(value, Enum)
    ]
    if answer.code > Status.SUCCESSFUL_OK + 2 or states != [HELD]:
        raise SelfTestError(f"Print-Job answered {answer.code:#06x}, job-state {states}")


async def tap(port: int) -> asyncio.StreamWriter:
    """A card at the reader that connects to us; the reader stays connected."""
    _, writer = await asyncio.wait_for(asyncio.open_connection(HERE, port), 10)
    writer.write(CARD.encode() + b"\r\n")
    await asyncio.wait_for(writer.drain(), 5)
    return writer


def a_document() -> bytes:
    """A PDF of one empty page, large enough for a file of its own, and never the same twice."""
    noise = os.urandom(80_000).hex().encode()
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
        b"%" + noise + b"\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )


async def selftest(folder: Path) -> str:
    """Run it; returns what was seen.

    Raises:
        SelfTestError: A step did not come true.
    """
    printer = Printer()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/ipp/print", printer.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HERE, printer.port).start()
    site = Site(printer.uri)
    parts = build_parts(
        folder, site.gateway_id, SystemClock(), unseal=lambda r: r.sealed, counter=PageCounter()
    )
    site.tell(parts.replica)
    agent = Agent(parts)
    running = asyncio.create_task(agent.run(), name="agent")
    try:
        await asyncio.wait_for(agent.ready.wait(), 20)
        report = agent.report()
        if report.errors:
            raise SelfTestError(f"services did not start: {report.errors}")
        document = a_document()
        await send(site, document)
        await asyncio.sleep(0.5)
        if not printer.received.empty():
            raise SelfTestError("it was printed before the card was tapped")
        began = time.monotonic()
        reader = await tap(site.reader_port)
        paper = await asyncio.wait_for(printer.received.get(), 20)
        took = (time.monotonic() - began) * 1000
        reader.close()
        if paper != document:
            raise SelfTestError(f"{len(paper)} bytes came out for {len(document)} sent")
        job = await parts.jobs.get(1)
        if job.impressions != 1:
            raise SelfTestError(f"it counted {job.impressions} pages of one: {job.message}")
        seen = f"{len(paper)} bytes sent, held, counted, released by a card"
        return f"{seen} and printed {took:.0f} ms later"
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=10)
        await runner.cleanup()


def main() -> int:
    if sys.argv[1:2] == ["count-child"]:  # We are the program that counts pages, too.
        return child.main(sys.argv[2:])
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="spoolhouse-selftest-") as folder:
        try:
            said = asyncio.run(asyncio.wait_for(selftest(Path(folder)), SECONDS))
        except (SelfTestError, TimeoutError, OSError, aiohttp.ClientError) as error:
            print(f"selftest: FAILED: {error!r}", file=sys.stderr)
            return 1
    print(f"selftest: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
