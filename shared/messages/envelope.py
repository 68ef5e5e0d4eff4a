"""The unit that carries facts over MQTT: a run of outbox rows, chained, one JSON text per line.

Payload of ``up/facts`` and ``up/telemetry``, zlib-compressed where that saves (above 1 KiB; its
first byte is then 0x78, which no plain payload begins with)::

    {"v":1,"lane":"facts","epoch":"<32 hex>","first":17,"prev":"<64 hex>"}
    {"at":"...","body":{...},"entity":"job:...","kind":"job.received","seq":17}
    {"at":"...","body":{...},"entity":"job:...","kind":"job.changed","seq":18}

A row's bytes are what is hashed: ``chain_n = SHA-256(chain_(n-1) || row bytes)`` and
``chain_0 = SHA-256("<gateway id>/<lane>/<epoch>")``. ``prev`` is the chain before ``first``.
``dropped`` in the header (telemetry alone) says how many rows before ``first`` were given up.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.codec import MessageError

VERSION: Final = 1
MAX_ROWS: Final = 500  # in one payload
MAX_BATCH_BYTES: Final = 128 * 1024  # of rows in one payload, before compression
MAX_ROW_BYTES: Final = 96 * 1024
MAX_PLAIN_BYTES: Final = 512 * 1024  # what a reader unpacks at most
_COMPRESS_ABOVE: Final = 1024
_ZLIB_MAGIC: Final = 0x78


class Lane(Enum):
    """Facts go at once and are never dropped; telemetry is batched and may be."""

    FACTS = "facts"
    TELEMETRY = "telemetry"


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """The first line of a payload."""

    v: int
    lane: Lane
    epoch: str
    first: int
    prev: str  # hex
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class RowText:
    """One row as it is read from its line; ``raw`` are the bytes that are hashed."""

    seq: int
    kind: str
    entity: str
    at: str
    body: dict[str, Any]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A header and its rows, checked to be one unbroken run."""

    header: BatchHeader
    rows: tuple[RowText, ...]

    @property
    def last(self) -> int:
        return self.header.first + len(self.rows) - 1


def chain_start(gateway_id: GatewayId, lane: Lane, epoch: str) -> bytes:
    """Make chain_0 of an epoch."""
    return hashlib.sha256(f"{gateway_id}/{lane.value}/{epoch}".encode()).digest()


def chain_next(chain: bytes, row: bytes) -> bytes:
    return hashlib.sha256(chain + row).digest()


def chain_over(chain: bytes, rows: Sequence[bytes]) -> bytes:
    """Carry the chain across several rows."""
    for row in rows:
        chain = chain_next(chain, row)
    return chain


def encode_row(seq: int, kind: str, entity: str, at: str, body: Any) -> bytes:
    """Write one row; these bytes never change again."""
    return number_row(unnumbered_row(kind, entity, at, codec.dumps(body).decode()), seq)


def unnumbered_row(kind: str, entity: str, at: str, body: str) -> bytes:
    """Write one row but for its number, which comes last and is known last; ``body`` is JSON."""
    texts = [codec.to_text(text) for text in (at, entity, kind)]
    return f'{{"at":{texts[0]},"body":{body},"entity":{texts[1]},"kind":{texts[2]}'.encode()


def number_row(unnumbered: bytes, seq: int) -> bytes:
    return b'%b,"seq":%d}' % (unnumbered, seq)


def encode_batch(header: BatchHeader, rows: Sequence[bytes]) -> bytes:
    """Write a payload; the rows are stored bytes and go out as they are."""
    plain = codec.to_plain(header)
    if not header.dropped:
        del plain["dropped"]
    payload = b"\n".join([codec.dumps(plain), *rows])
    return zlib.compress(payload, 6) if len(payload) > _COMPRESS_ABOVE else payload


def decode_batch(payload: bytes, loads: Callable[[bytes], Any] = codec.loads) -> Batch:
    """Read a payload; ``loads`` reads JSON as ``codec.loads`` does, and may be quicker.

    Raises:
        MessageError: It is not one unbroken run of rows, or too large.
    """
    lines = unpack(payload).split(b"\n")
    header = codec.from_plain(BatchHeader, loads(lines[0]), "header")
    _check_header(header, len(lines) - 1)
    rows = [_read_row(seq, raw, loads) for seq, raw in enumerate(lines[1:], header.first)]
    return Batch(header, tuple(rows))


def unpack(payload: bytes, limit: int = MAX_PLAIN_BYTES) -> bytes:
    """Undo the compression, if there is one.

    Raises:
        MessageError: It is larger than ``limit``, or not zlib.
    """
    if not payload or payload[0] != _ZLIB_MAGIC:
        if len(payload) > limit:
            raise MessageError("$", "too large")
        return payload
    return inflate(payload, limit)


def inflate(payload: bytes, limit: int) -> bytes:
    """Decompress at most ``limit`` bytes, so that no small message becomes a large one.

    Raises:
        MessageError: It is larger than ``limit``, or not one complete zlib stream.
    """
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(payload, limit)
    except zlib.error as error:
        raise MessageError("$", f"not zlib: {error}") from None
    if not machine.eof or machine.unused_data:
        raise MessageError("$", "too large, or cut off")
    return plain


def _check_header(header: BatchHeader, count: int) -> None:
    if header.v != VERSION:
        raise MessageError("header.v", f"is {header.v}, and we read {VERSION}")
    if header.first < 1 or header.dropped < 0:
        raise MessageError("header.first", "counts from 1")
    if not 1 <= count <= MAX_ROWS:
        raise MessageError("rows", f"are {count}, from 1 to {MAX_ROWS} may be")
    read_chain(header.prev, "header.prev")
    check_epoch(header.epoch, "header.epoch")


def read_chain(text: str, where: str) -> bytes:
    """Read a chain value from its 64 hex digits.

    Raises:
        MessageError: It is something else.
    """
    try:
        chain = bytes.fromhex(text)
    except ValueError:
        chain = b""
    if len(chain) != hashlib.sha256().digest_size:
        raise MessageError(where, "should be 64 hex digits")
    return chain


def check_epoch(text: str, where: str) -> None:
    """Let nothing but 32 lower-case hex digits pass.

    Raises:
        MessageError: It is something else.
    """
    if len(text) != 32 or set(text) - set("0123456789abcdef"):  # noqa: PLR2004
        raise MessageError(where, "should be 32 hex digits")


def _read_row(seq: int, raw: bytes, loads: Callable[[bytes], Any]) -> RowText:
    value = loads(raw)
    if type(value) is not dict or value.get("seq") != seq:
        raise MessageError(f"row {seq}", "is out of place")
    kind, entity, at = value.get("kind"), value.get("entity"), value.get("at")
    body = value.get("body")
    if not (type(kind) is type(entity) is type(at) is str and type(body) is dict):
        raise MessageError(f"row {seq}", "lacks kind, entity, at or body")
    return RowText(seq, kind, entity, at, body, raw)
