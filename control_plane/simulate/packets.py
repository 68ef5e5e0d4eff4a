"""MQTT 5 packets as far as a gateway needs them, without I/O (OASIS MQTT 5.0, section 3).

``Reader`` takes bytes as they come and gives packets; ``encode`` writes one. What a gateway never
meets (QoS 2, topic aliases, AUTH) is an error, not a guess.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

MAX_PACKET_BYTES: Final = 512 * 1024
SESSION_EXPIRY: Final = 0x11
WILL_DELAY: Final = 0x18
RECEIVE_MAXIMUM: Final = 0x21
FAILURE: Final = 0x80  # reason codes from here on say no
_HIGHEST_ID: Final = 0xFFFF
_QOS1: Final = 0x02  # in the first byte of PUBLISH


class PacketError(Exception):
    """The bytes are no packet that a gateway should get."""


@dataclass(frozen=True, slots=True)
class Will:
    topic: str
    payload: bytes
    delay_seconds: int


@dataclass(frozen=True, slots=True)
class Connect:
    client_id: str
    keepalive_seconds: int
    session_expiry_seconds: int
    receive_maximum: int
    will: Will | None = None
    clean_start: bool = False


@dataclass(frozen=True, slots=True)
class ConnAck:
    reason: int
    session_present: bool = False
    receive_maximum: int = _HIGHEST_ID


@dataclass(frozen=True, slots=True)
class Publish:
    """``packet_id`` 0 stands for QoS 0, which has none."""

    topic: str
    payload: bytes
    packet_id: int
    dup: bool = False


@dataclass(frozen=True, slots=True)
class PubAck:
    packet_id: int
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    packet_id: int
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubAck:
    packet_id: int
    reasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PingReq:
    pass


@dataclass(frozen=True, slots=True)
class PingResp:
    pass


@dataclass(frozen=True, slots=True)
class Disconnect:
    reason: int = 0


Packet: TypeAlias = (
    Connect | ConnAck | Publish | PubAck | Subscribe | SubAck | PingReq | PingResp | Disconnect
)
_KIND: Final[Mapping[type, int]] = {
    Connect: 1,
    ConnAck: 2,
    Publish: 3,
    PubAck: 4,
    Subscribe: 8,
    SubAck: 9,
    PingReq: 12,
    PingResp: 13,
    Disconnect: 14,
}
_SUBSCRIBE_FLAGS: Final = 0x02


# --- writing -------------------------------------------------------------------------------------


def encode(packet: Packet) -> bytes:
    """Write one packet."""
    flags, body = _body(packet)
    return bytes([_KIND[type(packet)] << 4 | flags]) + _varint(len(body)) + body


def _body(packet: Packet) -> tuple[int, bytes]:  # noqa: PLR0911
    if isinstance(packet, Publish):
        return _publish_body(packet)
    if isinstance(packet, PubAck):
        short = struct.pack(">H", packet.packet_id)
        return 0, short if packet.reason == 0 else short + bytes([packet.reason, 0])
    if isinstance(packet, Connect):
        return 0, _connect_body(packet)
    if isinstance(packet, ConnAck):
        properties = struct.pack(">BH", RECEIVE_MAXIMUM, packet.receive_maximum)
        head = bytes([packet.session_present, packet.reason])
        return 0, head + _varint(len(properties)) + properties
    if isinstance(packet, Subscribe):
        asked = b"".join(_text(topic) + b"\x01" for topic in packet.topics)
        return _SUBSCRIBE_FLAGS, struct.pack(">HB", packet.packet_id, 0) + asked
    if isinstance(packet, SubAck):
        return 0, struct.pack(">HB", packet.packet_id, 0) + bytes(packet.reasons)
    if isinstance(packet, Disconnect):
        return 0, b"" if packet.reason == 0 else bytes([packet.reason, 0])
    return 0, b""


def _publish_body(packet: Publish) -> tuple[int, bytes]:
    head = _text(packet.topic)
    if packet.packet_id == 0:
        return 0, head + b"\0" + packet.payload
    flags = _QOS1 | packet.dup << 3
    return flags, head + struct.pack(">HB", packet.packet_id, 0) + packet.payload


def _connect_body(packet: Connect) -> bytes:
    properties = struct.pack(
        ">BIBH", SESSION_EXPIRY, packet.session_expiry_seconds,
        RECEIVE_MAXIMUM, packet.receive_maximum,
    )  # fmt: skip
    will = packet.will
    flags = packet.clean_start << 1 | (0x04 | 0x08 if will else 0)  # the will has QoS 1
    parts = [
        _text("MQTT"),
        struct.pack(">BBH", 5, flags, packet.keepalive_seconds),
        _varint(len(properties)) + properties,
        _text(packet.client_id),
    ]
    if will:
        delay = struct.pack(">BI", WILL_DELAY, will.delay_seconds)
        parts += [_varint(len(delay)) + delay, _text(will.topic), _blob(will.payload)]
    return b"".join(parts)


def _text(text: str) -> bytes:
    return _blob(text.encode())


def _blob(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


# --- reading -------------------------------------------------------------------------------------


class Reader:
    """Bytes that have arrived; iterate to get the packets that are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Take bytes and give the packets that they complete.

        Raises:
            PacketError: No packet that we know, or too large.
        """
        self._buffer += data
        while (head := self._head()) is not None:
            start, end = head
            first, body = self._buffer[0], bytes(self._buffer[start:end])
            del self._buffer[:end]
            yield _decode(first, body)

    def _head(self) -> tuple[int, int] | None:
        """Where the first packet's body begins and ends; None while it is not whole."""
        length = 0
        for n, byte in enumerate(self._buffer[1:5]):
            length |= (byte & 0x7F) << 7 * n
            if byte < FAILURE:
                if length > MAX_PACKET_BYTES:
                    raise PacketError(f"a packet of {length} bytes")
                start = n + 2
                return (start, start + length) if len(self._buffer) >= start + length else None
        if len(self._buffer) > 4:  # noqa: PLR2004
            raise PacketError("a length of more than four bytes")
        return None


def _decode(first: int, body: bytes) -> Packet:
    read = _READERS.get(first >> 4)
    if read is None:
        raise PacketError(f"packet type {first >> 4} is not for a gateway")
    try:
        return read(first & 0x0F, body)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise PacketError(f"packet type {first >> 4} is cut off or damaged: {error}") from None


class _Body:
    """A packet's bytes, read from left to right."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        if len(data) < count:
            raise IndexError("ends too early")
        self._at += count
        return data

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def varint(self) -> int:
        value = 0
        for n in range(4):
            byte = self.number(1)
            value |= (byte & 0x7F) << 7 * n
            if byte < FAILURE:
                return value
        raise IndexError("a number of more than four bytes")

    def blob(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return self.blob().decode()

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def properties(self) -> dict[int, int]:
        """Read properties; those that are numbers are given, others skipped (section 2.2.2.2)."""
        part = _Body(self.take(self.varint()))
        found = {}
        while part._at < len(part._data):
            name = part.varint()
            if name in _NUMBERS:
                found[name] = part.number(_NUMBERS[name])
            elif name in _BLOBS:
                for _ in range(_BLOBS[name]):
                    part.blob()
            elif name == 0x0B:  # noqa: PLR2004  # subscription identifier
                part.varint()
            else:
                raise IndexError(f"property {name} is not known")
        return found


_NUMBERS: Final[Mapping[int, int]] = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
_BLOBS: Final[Mapping[int, int]] = {
    **dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), 1),
    0x26: 2,  # user property: name and value
}


def _read_connect(_flags: int, data: bytes) -> Connect:
    body = _Body(data)
    if body.text() != "MQTT" or body.number(1) != 5:  # noqa: PLR2004
        raise PacketError("not MQTT 5")
    flags, keepalive = body.number(1), body.number(2)
    properties, client_id, will = body.properties(), body.text(), None
    if flags & 0x04:
        delay = body.properties().get(WILL_DELAY, 0)
        will = Will(body.text(), body.blob(), delay)
    return Connect(
        client_id, keepalive, properties.get(SESSION_EXPIRY, 0),
        properties.get(RECEIVE_MAXIMUM, _HIGHEST_ID), will, bool(flags & 0x02),
    )  # fmt: skip


def _read_connack(_flags: int, data: bytes) -> ConnAck:
    body = _Body(data)
    present, reason = bool(body.number(1)), body.number(1)
    return ConnAck(reason, present, body.properties().get(RECEIVE_MAXIMUM, _HIGHEST_ID))


def _read_publish(flags: int, data: bytes) -> Publish:
    if flags & 0x04:
        raise PacketError("QoS 2 was never asked for")
    body = _Body(data)
    topic = body.text()
    packet_id = body.number(2) if flags & _QOS1 else 0
    if bool(flags & _QOS1) != bool(packet_id):
        raise PacketError("a packet identifier of 0")
    body.properties()
    return Publish(topic, body.rest(), packet_id, bool(packet_id and flags & 0x08))


def _read_puback(_flags: int, data: bytes) -> PubAck:
    body = _Body(data)
    packet_id, rest = body.number(2), body.rest()
    return PubAck(packet_id, rest[0] if rest else 0)


def _read_subscribe(_flags: int, data: bytes) -> Subscribe:
    body, topics = _Body(data), list[str]()
    packet_id = body.number(2)
    body.properties()
    while body._at < len(data):  # noqa: SLF001
        topics.append(body.text())
        body.number(1)
    return Subscribe(packet_id, tuple(topics))


def _read_suback(_flags: int, data: bytes) -> SubAck:
    body = _Body(data)
    packet_id = body.number(2)
    body.properties()
    return SubAck(packet_id, tuple(body.rest()))


def _read_disconnect(_flags: int, data: bytes) -> Disconnect:
    return Disconnect(data[0] if data else 0)


_READERS: Final[Mapping[int, Callable[[int, bytes], Packet]]] = {
    1: _read_connect,
    2: _read_connack,
    3: _read_publish,
    4: _read_puback,
    8: _read_subscribe,
    9: _read_suback,
    12: lambda _flags, _data: PingReq(),
    13: lambda _flags, _data: PingResp(),
    14: _read_disconnect,
}
