"""HTTP connections that are never waited for without end.

aiohttp parses and answers; this adds what a print server on a LAN needs: a deadline for every
phase of a request, one request at a time, and no logging of every hostile byte. Deadlines are
kept by one task that looks at all connections twice a second, so that a request pays nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from edge_agent.intake.limits import IntakeLimits

log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "next request"
    HEAD = "header"
    BODY = "body"  # for the client to send more of it
    WORK = "work"  # for ourselves
    WRITE = "answer"  # for the client to take it


_LOOK_EVERY_SECONDS: Final = 0.5
_LINGER_SECONDS: Final = 1.0


class HttpConnection(RequestHandler):
    """One connection; ``phase`` says what it waits for and ``since`` how long it has."""

    __slots__ = (
        "_discarding",
        "_lost",
        "_on_lost",
        "began_at",
        "local_address",
        "phase",
        "received",
        "since",
        "source",
        "waited",
    )

    def __init__(self, server: HttpServer, on_lost: Callable[[], None], **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._on_lost = on_lost
        self._lost: asyncio.Event | None = None
        self._discarding = False
        self.phase = Phase.IDLE
        self.since = self.began_at = time.monotonic()
        self.received = 0
        self.waited = 0.0  # for the body of this request, so far
        self.source = ""
        self.local_address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.source = str(peer[0]) if peer else ""
        self.local_address = str(local[0]) if local else ""

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._lost is not None:
            self._lost.set()
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            return
        if self.phase is Phase.IDLE:
            self.enter(Phase.HEAD)
            self.began_at = self.since
            self.received = 0
            self.waited = 0.0
        self.received += len(data)
        super().data_received(data)

    def enter(self, phase: Phase) -> None:
        """Begin to wait for something else."""
        self.phase = phase
        self.since = time.monotonic()

    def has_waited(self) -> None:
        """More of the body is here; the time until we want more is ours, not the client's."""
        self.waited += time.monotonic() - self.since
        self.phase = Phase.WORK

    @property
    def has_more_requests(self) -> bool:
        """Whether bytes beyond the current request have come before its answer was sent.

        No print client does that on purpose: it is what follows a wrong Content-Length.
        """
        return bool(self._messages)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self.enter(Phase.WRITE)
        finished = await super().finish_response(request, resp, start_time)
        self.enter(Phase.IDLE)
        if not finished[0].keep_alive:
            await self.linger()
        return finished

    async def linger(self) -> None:
        """Let the client read the answer while it still sends what nobody wants.

        Closing at once would reset the connection, and the answer would be lost with it.
        """
        if self.transport is None:
            return
        self._discarding = True
        self._lost = asyncio.Event()
        transport = self.transport
        if transport.can_write_eof():
            transport.write_eof()
        transport.resume_reading()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._lost.wait()

    def is_overdue(self, limits: IntakeLimits, now: float) -> bool:
        """Whether its time is over."""
        span = now - self.since
        if self.phase is Phase.HEAD:
            return span > limits.header_seconds
        if self.phase is Phase.BODY:
            return span > limits.idle_seconds or limits.is_too_slow(
                self.waited + span, self.received
            )
        return self.phase is Phase.WRITE and span > limits.write_seconds

    def abort(self) -> None:
        """Cut the connection off without ceremony."""
        if self.transport is not None:
            self.transport.abort()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log an error of ours in full; of a client that broke off only that it did."""
        error = kw.get("exc_info")
        known = (web.HTTPException, ConnectionResetError)
        if isinstance(error, known) or type(error).__module__.startswith("aiohttp"):
            log.debug("cut off or not HTTP, from %s: %s", self.source, type(error).__name__)
        else:
            super().log_exception(*args, **kw)


class HttpServer(web.Server):
    """Makes connections and keeps their deadlines."""

    def __init__(
        self,
        handler: Handler,
        limits: IntakeLimits,
        make: Callable[..., HttpConnection] = HttpConnection,
    ) -> None:
        super().__init__(handler)
        self._limits = limits
        self._make = make
        self._keeper: asyncio.Task[None] | None = None
        self.cut_off = 0

    def make_connection(self, on_lost: Callable[[], None]) -> HttpConnection:
        return self._make(
            self,
            on_lost,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=0,
            read_bufsize=1 << 18,
            max_line_size=4096,
            max_field_size=8190,
            max_headers=64,
            tcp_keepalive=False,
        )

    def start(self) -> None:
        """Begin to keep the deadlines."""
        self._keeper = asyncio.get_running_loop().create_task(
            self._keep_deadlines(), name="deadlines of IPP connections"
        )

    async def stop(self, timeout_seconds: float) -> None:
        """Let requests finish for a moment, then close every connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        self.pre_shutdown()
        await self.shutdown(timeout_seconds)

    async def _keep_deadlines(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            now = time.monotonic()
            for connection in self.connections:
                if isinstance(connection, HttpConnection) and connection.is_overdue(
                    self._limits, now
                ):
                    self.cut_off += 1
                    log.debug("cut off %s in its %s", connection.source, connection.phase.value)
                    connection.abort()
