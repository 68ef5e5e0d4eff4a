"""Simulated network card readers: a TCP line reader each, tapped through a control socket.

A reader either waits for the gateway (role *client*: the gateway connects to the reader) or
connects to it (role *server*), as real ones do. Its control socket takes one line with a card
number and answers ``tapped`` or why not.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

RETRY_SECONDS: Final = 0.5
TAP_WAITS_SECONDS: Final = 5.0
LONGEST_CARD: Final = 64


@dataclass
class Reader:
    """One reader; ``port`` is its own (client role) or the gateway's (server role)."""

    name: str
    mode: str  # print-all | choose
    role: str  # client | server: the gateway's role
    host: str
    port: int
    control_port: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def control(self) -> str:
        return f"127.0.0.1:{self.control_port}"

    @property
    def is_connected(self) -> bool:
        return bool(self._writers)

    async def run(self, ready: asyncio.Event) -> None:
        """Be a reader until cancelled; sets ``ready`` when it can be tapped."""
        control = await asyncio.start_server(self._on_control, "127.0.0.1", self.control_port)
        self.control_port = control.sockets[0].getsockname()[1]
        async with control:
            if self.role == "client":
                server = await asyncio.start_server(self._on_gateway, self.host, self.port)
                self.port = server.sockets[0].getsockname()[1]
                ready.set()
                async with server:
                    await server.serve_forever()
            ready.set()
            while True:
                await self._connect()
                await asyncio.sleep(RETRY_SECONDS)

    async def tap(self, card: str) -> str:
        """Send the card's line to the gateway, as the reader does when a card is held to it."""
        try:
            await asyncio.wait_for(self._there.wait(), TAP_WAITS_SECONDS)
        except TimeoutError:
            return "no gateway is connected to this reader"
        for writer in list(self._writers):
            writer.write(card.encode("ascii", "replace") + b"\r\n")
            await asyncio.wait_for(writer.drain(), TAP_WAITS_SECONDS)
        return "tapped"

    async def _connect(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(self.host, self.port), TAP_WAITS_SECONDS
            )
            await self._on_gateway(reader, writer)

    async def _on_gateway(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._there.set()
        try:
            while await reader.read(1024):
                pass
        except OSError:
            pass
        finally:
            self._writers.remove(writer)
            if not self._writers:
                self._there.clear()
            writer.close()

    async def _on_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await asyncio.wait_for(reader.readline(), 60):
                card = line.decode("ascii", "replace").strip()
                good = 0 < len(card) <= LONGEST_CARD
                answer = await self.tap(card) if good else "that is no card number"
                writer.write(answer.encode() + b"\n")
                await asyncio.wait_for(writer.drain(), TAP_WAITS_SECONDS)
        except (OSError, TimeoutError, ValueError):
            pass  # Whoever controls it went away, or sent an endless line: nothing to tell.
        finally:
            writer.close()
