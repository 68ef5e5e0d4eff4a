"""One port for plain and TLS connections: the first byte tells which (0x16 begins a handshake).

CUPS does the same, so ``ipp://`` and ``ipps://`` share a port. A client may also ask on a plain
connection to go on in TLS, with ``OPTIONS`` and ``Upgrade: TLS/1.0`` as its first request (RFC
2817 section 3.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from edge_agent.intake.limits import IntakeLimits

log = logging.getLogger(__name__)

_HANDSHAKE: Final = 0x16
_LONGEST_OPTIONS: Final = 4096
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n"
)
_RESET: Final = struct.pack("ii", 1, 0)


class AdmittedProtocol(Protocol):
    """What a connection's protocol must be able to do."""

    def data_received(self, data: bytes) -> None: ...


ProtocolFactory = Callable[[Callable[[], None]], asyncio.Protocol]
"""Makes a connection's protocol; it calls the function it is given once, when it is lost."""


class Listener:
    """Accepts connections on one port and hands each to a protocol, within its caps."""

    def __init__(
        self,
        make_protocol: ProtocolFactory,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        limits: IntakeLimits | None = None,
        peek: bool = True,
    ) -> None:
        self._make_protocol = make_protocol
        self._host = host
        self._port = port
        self._tls = tls
        self._limits = limits or IntakeLimits()
        self._peek = peek
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._admitting: set[asyncio.Task[None]] = set()
        self._sources: Counter[str] = Counter()
        self.connections = 0
        self.refused = 0

    @property
    def port(self) -> int:
        """The port that is listened on; of use where 0 was asked for."""
        if not self._sockets:
            return self._port
        port: int = self._sockets[0].getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to accept.

        Raises:
            OSError: The address or port cannot be used.
        """
        try:
            for family, address in _addresses(self._host):
                self._sockets.append(_listen(family, address, self.port))
        except OSError:
            self._close_sockets()
            raise
        loop = asyncio.get_running_loop()
        self._accepting = [
            loop.create_task(self._accept(listening), name=f"accept on {self._host}:{self.port}")
            for listening in self._sockets
        ]

    async def stop(self) -> None:
        """Accept no more; connections that are admitted belong to their protocols."""
        tasks = [*self._accepting, *self._admitting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._accepting.clear()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # It was gone before we came to it.
            except OSError as error:
                log.warning("cannot accept a connection: %s", error.strerror)
                await asyncio.sleep(0.2)  # Out of descriptors: they come back.
                continue
            source = str(address[0])
            if not self._has_place_for(source):
                self.refused += 1
                _reset(connection)
                continue
            self._took(source)
            task = loop.create_task(self._admit(connection, source), name=f"admit {source}")
            self._admitting.add(task)
            task.add_done_callback(self._admitting.discard)

    def _has_place_for(self, source: str) -> bool:
        return (
            self.connections < self._limits.connections
            and self._sources[source] < self._limits.connections_per_source
        )

    def _took(self, source: str) -> None:
        self.connections += 1
        self._sources[source] += 1

    def _left(self, source: str) -> None:
        self.connections -= 1
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]

    async def _admit(self, connection: socket.socket, source: str) -> None:
        """Find out how the client talks and hand the connection over."""
        owned = True

        def lost() -> None:
            nonlocal owned
            if owned:
                owned = False
                self._left(source)

        try:
            async with asyncio.timeout(self._limits.header_seconds):
                await self._connect(connection, lost)
        except (OSError, TimeoutError):
            lost()
            connection.close()
        except asyncio.CancelledError:
            lost()
            connection.close()
            raise
        else:
            log.debug("admitted %s", source)

    async def _connect(self, connection: socket.socket, lost: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        connection.settimeout(0)
        first = await _peek(connection, 1) if self._peek else b" "
        if not first:
            raise ConnectionResetError("it said nothing")
        if first[0] == _HANDSHAKE:
            if self._tls is None:
                raise ConnectionResetError("there is no TLS here")
            await self._hand_over(loop, connection, lost, self._tls)
            return
        if first == b"O" and self._tls is not None:
            request = await _peek_header(connection)
            if _asks_for_tls(request):
                connection.recv(len(request))
                await loop.sock_sendall(connection, _SWITCHING)
                protocol = await self._hand_over(loop, connection, lost, self._tls)
                # The answer to the request itself comes inside TLS.
                protocol.data_received(_without_upgrade(request))
                return
        await self._hand_over(loop, connection, lost, None)

    async def _hand_over(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        lost: Callable[[], None],
        tls: ssl.SSLContext | None,
    ) -> asyncio.Protocol:
        _, protocol = await loop.connect_accepted_socket(
            lambda: self._make_protocol(lost),
            connection,
            ssl=tls,
            ssl_handshake_timeout=self._limits.header_seconds if tls else None,
        )
        return protocol


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    unique = {(family, str(address[0])): None for family, _, _, _, address in found}
    # IPv4 first: with port 0 the first decides the number for all.
    return sorted(unique, key=lambda item: item[0] != socket.AF_INET)


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(1024)
        listening.settimeout(0)
    except OSError:
        listening.close()
        raise
    return listening


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(connection, lambda: _wake(ready))
    try:
        await ready
    finally:
        loop.remove_reader(connection)


async def _peek(connection: socket.socket, size: int) -> bytes:
    await _readable(connection)
    return connection.recv(size, socket.MSG_PEEK)


async def _peek_header(connection: socket.socket) -> bytes:
    """Look at the whole first header without taking it; what there is, when it is too long."""
    while True:
        seen = await _peek(connection, _LONGEST_OPTIONS)
        head, end, _ = seen.partition(b"\r\n\r\n")
        if end or not seen.startswith(b"OPTIONS "[: len(seen)]) or len(seen) == _LONGEST_OPTIONS:
            return head + end
        # Bytes that were looked at keep the socket readable: wait for more without spinning.
        await asyncio.sleep(0.05)


def _asks_for_tls(request: bytes) -> bool:
    if not request.startswith(b"OPTIONS ") or not request.endswith(b"\r\n\r\n"):
        return False
    fields = [line.partition(b":") for line in request.lower().split(b"\r\n")[1:]]
    return any(name.strip() == b"upgrade" and b"tls/" in value for name, _, value in fields)


def _without_upgrade(request: bytes) -> bytes:
    lines = request.split(b"\r\n")
    return b"\r\n".join(
        line for line in lines if not line.lower().startswith((b"upgrade:", b"connection:"))
    )


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
