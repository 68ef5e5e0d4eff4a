"""Card readers on the network that send a line per card over TCP, in either role.

client: the gateway connects to the reader and comes back after every loss.
server: the reader connects to the gateway; only from its configured address, one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.audit import Audit
from edge_agent.identity.reader import CardRead
from edge_agent.readers.lines import Flood, Framing, Lines, Repeats
from edge_agent.service import Health
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.ids import AccountId
from shared.messages.records import ReaderRecord, ReaderRole

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 20.0
CHUNK_BYTES: Final = 4096
CARDS_WAITING: Final = 8
CONNECTIONS_BURST: Final = 10


@dataclass(frozen=True, slots=True)
class LineFormat:
    """What the reader's profile says about its lines."""

    framing: Framing = field(default_factory=Framing)
    dedupe_ms: int = 1500
    transform: Callable[[str], str] = str.upper  # raises ValueError for what is no card


class NetworkReader:
    """One TCP line reader, for as long as it is configured."""

    def __init__(
        self,
        account_id: AccountId,
        record: ReaderRecord,
        line_format: LineFormat,
        *,
        listen_host: str,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._account_id = account_id
        self._record = record
        self._format = line_format
        self._listen_host = listen_host
        self._audit = audit
        self._clock = clock
        self._cards: asyncio.Queue[CardRead] = asyncio.Queue(CARDS_WAITING)
        self._repeats = Repeats(line_format.dedupe_ms)
        self._flood = Flood()
        self._connections = Flood(CONNECTIONS_BURST, 1.0)
        self._connected: asyncio.StreamWriter | None = None
        self._says = _("not started")
        self.port: int | None = None  # where it listens, once it does

    async def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are tapped, through losses and reconnections, until closed."""
        run = self._serve if self._record.role is ReaderRole.SERVER else self._connect
        running = asyncio.create_task(run(), name=f"reader {self._record.name}")
        card = asyncio.create_task(self._cards.get())
        try:
            while True:
                await asyncio.wait({running, card}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                read = card.result()
                card = asyncio.create_task(self._cards.get())
                yield read
        finally:
            card.cancel()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    def health(self) -> Health:
        return Health(ok=self._connected is not None, says=self._says)

    # --- client: we connect -------------------------------------------------------------------

    async def _connect(self) -> None:
        attempts = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._one_connection()
                self._says = _("the reader closed the connection")
            except (OSError, TimeoutError) as error:
                self._says = _("the reader does not answer: %(why)s", why=error or "timeout")
            lasted = self._clock.monotonic() - began
            attempts = 0 if lasted > LONGEST_RETRY_SECONDS else attempts + 1
            longest = min(FIRST_RETRY_SECONDS * 2**attempts, LONGEST_RETRY_SECONDS)
            await asyncio.sleep(random.uniform(FIRST_RETRY_SECONDS / 2, longest))  # noqa: S311

    async def _one_connection(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                self._record.address, self._record.port, limit=CHUNK_BYTES
            )
        await self._listen_to(reader, writer)

    # --- server: the reader connects ----------------------------------------------------------

    async def _serve(self) -> None:
        while True:
            try:
                server = await asyncio.start_server(
                    self._on_connection,
                    self._listen_host,
                    self._record.port,
                    limit=CHUNK_BYTES,
                    backlog=8,
                )
            except OSError as error:
                self._says = _(
                    "port %(port)s cannot be used: %(why)s",
                    port=self._record.port,
                    why=error.strerror or error,
                )
                log.warning("reader %s: %s", self._record.name, self._says)
                await asyncio.sleep(LONGEST_RETRY_SECONDS / 4)
                continue
            self.port = server.sockets[0].getsockname()[1]
            self._says = _("waiting for the reader to connect")
            try:
                async with server:
                    await server.serve_forever()
            finally:
                if self._connected is not None:
                    self._connected.transport.abort()

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = str(writer.get_extra_info("peername", ("?",))[0])
        refusal = self._refusal(peer)
        if refusal is not None:
            writer.transport.abort()
            self._audit.record(
                "reader.refused",
                ok=False,
                source=peer,
                account_id=self._account_id,
                reader_id=self._record.id,
                printer_id=self._record.printer_id,
                detail={"why": refusal},
            )
            return
        with contextlib.suppress(OSError, TimeoutError):
            await self._listen_to(reader, writer)
        self._says = _("waiting for the reader to connect")

    def _refusal(self, peer: str) -> str | None:
        if not is_same_address(peer, self._record.address):
            return "another address than the reader's"
        if self._connections.is_too_much(self._clock.monotonic()):
            return "too many connections"
        if self._connected is not None:
            return "the reader is connected already"
        return None

    # --- both ---------------------------------------------------------------------------------

    async def _listen_to(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected = writer
        self._says = _("connected")
        try:
            _keep_alive(writer.get_extra_info("socket"))
            await self._read_lines(reader)
        finally:
            self._connected = None
            writer.transport.abort()

    async def _read_lines(self, reader: asyncio.StreamReader) -> None:
        lines = Lines(self._format.framing)
        pause = self._format.framing.idle_ms / 1000
        while True:
            try:
                # Keepalive ends a connection whose other side is gone; silence is normal.
                async with asyncio.timeout(pause if pause and lines.is_waiting else None):
                    data = await reader.read(CHUNK_BYTES)
            except TimeoutError:
                self._take(lines.pause())
                continue
            if not data:
                self._take(lines.pause())
                return
            self._take(lines.feed(data))

    def _take(self, lines: list[str]) -> None:
        for line in lines:
            now = self._clock.monotonic()
            if self._flood.is_too_much(now):
                self._refuse("reader.flooded", "more lines than hands can tap")
                continue
            try:
                number = self._format.transform(line)
            except ValueError as error:
                self._refuse("reader.noise", str(error)[:80])
                continue
            if not number or self._repeats.is_repeat(number, now):
                continue
            try:
                self._cards.put_nowait(CardRead(number, now))
            except asyncio.QueueFull:
                self._refuse("reader.flooded", "cards wait for an answer")

    def _refuse(self, event: str, why: str) -> None:
        self._audit.record(
            event,
            ok=False,
            source=f"reader:{self._record.name}",
            account_id=self._account_id,
            reader_id=self._record.id,
            detail={"why": why},
        )


def is_same_address(peer: str, configured: str) -> bool:
    """Whether a connection's address is the configured one, however either is written."""
    try:
        return _plain(peer) == _plain(configured)
    except ValueError:
        return False


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _keep_alive(sock: Any) -> None:
    """Notice within half a minute that the other side has lost its power."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
