"""Plain TCP listeners (LPD, raw 9100): one task per connection, within the listener's caps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from edge_agent.intake.ipp_call import BodyCutShortError
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.listener import Listener

log = logging.getLogger(__name__)

BUFFER_BYTES: Final = 1 << 18
_STOP_SECONDS: Final = 3.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]


class StreamServer:
    """Serves every connection of one port with the same function."""

    def __init__(
        self, serve: Serve, *, name: str, host: str, port: int, limits: IntakeLimits
    ) -> None:
        self._serve = serve
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = Listener(
            self._make_protocol, host=host, port=port, limits=limits, peek=False
        )

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def connections(self) -> int:
        return self._listener.connections

    def start(self) -> None:
        """Begin to accept.

        Raises:
            OSError: The address or port cannot be used.
        """
        self._listener.start()

    async def stop(self) -> None:
        """Accept no more and end the connections; a job that is not whole leaves nothing."""
        await self._listener.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)

    def _make_protocol(self, on_lost: Callable[[], None]) -> asyncio.Protocol:
        reader = asyncio.StreamReader(limit=BUFFER_BYTES)
        return _StreamProtocol(reader, self._begin, on_lost)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = str((writer.get_extra_info("peername") or ("?",))[0])
        task = asyncio.get_running_loop().create_task(
            self._run(reader, writer, source), name=f"{self._name} of {source}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: str
    ) -> None:
        try:
            await self._serve(reader, writer, source)
        except (OSError, TimeoutError, EOFError) as error:
            log.debug("%s of %s ended: %s", self._name, source, type(error).__name__)
        except Exception:
            log.exception("%s of %s failed", self._name, source)
        finally:
            writer.close()


class Pace:
    """Reads a document; whoever sends too little too slowly is cut off, as over IPP.

    Only the time that the client makes us wait counts.
    """

    def __init__(self, limits: IntakeLimits) -> None:
        self._limits = limits
        self._waited = 0.0
        self._received = 0

    async def read(self, reader: asyncio.StreamReader, size: int) -> bytes:
        """Read what there is; empty at the end.

        Raises:
            BodyCutShortError: The connection broke, nothing came for too long, or too little.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.idle_seconds):
                chunk = await reader.read(size)
        except (OSError, TimeoutError) as error:
            raise BodyCutShortError("the connection broke") from error
        self._waited += time.monotonic() - began
        self._received += len(chunk)
        if chunk and self._limits.is_too_slow(self._waited, self._received):
            raise BodyCutShortError("it comes too slowly")
        return chunk


async def until_closed(reader: asyncio.StreamReader, limits: IntakeLimits) -> AsyncIterator[bytes]:
    """Give what comes until the client closes.

    Raises:
        BodyCutShortError: As ``Pace.read``.
    """
    pace = Pace(limits)
    while chunk := await pace.read(reader, 1 << 17):
        yield chunk


class _StreamProtocol(asyncio.StreamReaderProtocol):
    """Tells the listener when the connection is gone."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        begin: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None],
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(reader, begin)
        self._on_lost = on_lost

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._on_lost()
