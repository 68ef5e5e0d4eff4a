"""One MQTT connection of a simulated gateway: TLS over a socket of the event loop, no thread.

asyncio's own TLS keeps a buffer of 256 KiB for each connection; here TLS works on memory buffers
that are empty while nothing moves, so that a connection costs some tens of KiB.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

from control_plane.simulate import packets
from control_plane.simulate.packets import Packet, PacketError, PubAck, Publish

_READ_BYTES: Final = 64 * 1024
MAX_WAITING: Final = 1_000  # messages behind the broker's receive maximum
_HIGHEST_ID: Final = 0xFFFF


class Line(asyncio.Protocol):
    """From the first byte to the last; ``on_lost`` is called once, with the reason."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        server_name: str,
        *,
        on_shaken: Callable[[], None],
        on_packet: Callable[[Packet], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._in, self._out, server_hostname=server_name)
        self._on_shaken, self._on_packet, self._on_lost = on_shaken, on_packet, on_lost
        self._reader = packets.Reader()
        self._transport: asyncio.Transport | None = None
        self._is_shaken = False
        self._is_over = False
        self._next_id = 0
        self._free = 0  # how many messages the broker takes before it acknowledges
        self._waiting: deque[tuple[str, bytes]] = deque()

    # --- what the gateway does ---------------------------------------------------------------

    def send(self, packet: Packet) -> None:
        if not self._is_over and self._is_shaken:
            self._tls.write(packets.encode(packet))
            self._flush()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand over a message of QoS 1; False where there is no line, or it is stuffed."""
        if self._is_over or not self._is_shaken or len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append((topic, payload))
        self._send_waiting()
        return True

    def may_send(self, receive_maximum: int) -> None:
        """Take the broker's word on how much it takes at once."""
        self._free = receive_maximum

    def abort(self, says: str) -> None:
        """Drop the connection as a cut cable does: no goodbye."""
        if self._transport is not None:
            self._transport.abort()
        self._end(says)

    def close(self) -> None:
        """End politely: the will is not spoken."""
        self.send(packets.Disconnect())
        if self._transport is not None:
            self._transport.close()
        self._end("closed")

    # --- what the event loop calls -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._shake()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(f"{type(error).__name__}" if error else "closed by the other side")

    def data_received(self, data: bytes) -> None:
        self._in.write(data)
        try:
            if not self._is_shaken and not self._shake():
                return
            self._read()
        except (ssl.SSLError, PacketError) as error:
            self.abort(f"{type(error).__name__}: {error}")

    def eof_received(self) -> None:
        self._in.write_eof()

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._is_shaken = True
        self._flush()
        self._on_shaken()
        return True

    def _read(self) -> None:
        while not self._is_over:
            try:
                data = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            if not data:
                self.abort("closed by the other side")
                return
            for packet in self._reader.feed(data):
                self._take(packet)
        self._flush()

    def _take(self, packet: Packet) -> None:
        if isinstance(packet, PubAck):
            self._free += 1
            self._send_waiting()
        self._on_packet(packet)

    def _send_waiting(self) -> None:
        while self._free and self._waiting:
            topic, payload = self._waiting.popleft()
            self._next_id = self._next_id % _HIGHEST_ID + 1
            self._free -= 1
            self._tls.write(packets.encode(Publish(topic, payload, self._next_id)))
        self._flush()

    def _flush(self) -> None:
        if self._out.pending and self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._out.read())

    def _end(self, says: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._waiting.clear()
            self._on_lost(says)
