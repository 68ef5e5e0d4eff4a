"""Sealed documents: how a document lies on disk, and later travels between gateways.

A sealed document is a header followed by chunks::

    offset  bytes
    0       8      magic "SPOOLDOC"
    8       1      format version, 1
    9       1      suite, 1: AES-256-GCM in the STREAM construction
    10      2      zero
    12      4      chunk size in bytes, big-endian (65,536; of large documents 262,144)
    16      4      number of the document in its job, from 1
    20      16     account (UUID)
    36      16     job (UUID)
    52      7      nonce prefix, random
    59      1      zero
    60             chunks: ciphertext of up to one chunk size, then its 16-byte tag

The nonce of chunk ``n`` is the prefix, ``n`` in four bytes, and one byte that is 1 for the last
chunk; every chunk has the whole header as associated data. So a chunk that was moved, dropped or
taken from another document, and a document cut short or shown as another tenant's, does not open
(Hoang, Reyhanitabar, Rogaway, Vizar 2015, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance"). An empty document has one empty chunk.

Each document has a key of its own. Beside it stand its **recipients**: a key id and the document
key wrapped for that key, with header and key id as associated data.
"""

from __future__ import annotations

import os
import struct
import uuid
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.ids import AccountId, JobId

MAGIC: Final = b"SPOOLDOC"
VERSION: Final = 1
SUITE_AES_256_GCM_STREAM: Final = 1
CHUNK_BYTES: Final = 65_536
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
PREFIX_BYTES: Final = 7
WRAP_NONCE_BYTES: Final = 12
LARGEST_CHUNK_BYTES: Final = 16 * 1024 * 1024

_HEADER: Final = struct.Struct(">8sBBHII16s16s7sB")
_NONCE: Final = struct.Struct(">7sIB")
HEADER_BYTES: Final = _HEADER.size


class DocumentDamagedError(Exception):
    """The sealed document is not what was stored: cut, changed, spliced or somebody else's."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a sealed document says of itself; bound to every chunk."""

    account_id: AccountId
    job_id: JobId
    number: int
    nonce_prefix: bytes
    chunk_bytes: int = CHUNK_BYTES

    @classmethod
    def new(
        cls,
        account_id: AccountId,
        job_id: JobId,
        number: int,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> Header:
        return cls(account_id, job_id, number, os.urandom(PREFIX_BYTES), chunk_bytes)

    def encode(self) -> bytes:
        return _HEADER.pack(
            MAGIC,
            VERSION,
            SUITE_AES_256_GCM_STREAM,
            0,
            self.chunk_bytes,
            self.number,
            _uuid_bytes(self.account_id),
            _uuid_bytes(self.job_id),
            self.nonce_prefix,
            0,
        )

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read a header.

        Raises:
            DocumentDamagedError: Not a header, or of a version or suite we do not know.
        """
        if len(data) != HEADER_BYTES:
            raise DocumentDamagedError("the header is cut short")
        magic, version, suite, zero, chunk, number, account, job, prefix, pad = _HEADER.unpack(data)
        if magic != MAGIC:
            raise DocumentDamagedError("this is no sealed document")
        if (version, suite, zero, pad) != (VERSION, SUITE_AES_256_GCM_STREAM, 0, 0):
            raise DocumentDamagedError(f"format {version} with suite {suite} is not known here")
        if not 0 < chunk <= LARGEST_CHUNK_BYTES:
            raise DocumentDamagedError(f"a chunk of {chunk} bytes is not possible")
        return cls(AccountId(_uuid_text(account)), JobId(_uuid_text(job)), number, prefix, chunk)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open a document: the id of a key, and the document key wrapped for it."""

    key_id: str
    wrapped_key: bytes


def wrap_key(wrapping: AESGCM, key_id: str, document_key: bytes, header: bytes) -> Recipient:
    """Wrap a document key for a recipient's key; ``header`` is the encoded header."""
    nonce = os.urandom(WRAP_NONCE_BYTES)
    return Recipient(
        key_id, nonce + wrapping.encrypt(nonce, document_key, header + key_id.encode())
    )


def unwrap_key(wrapping: AESGCM, recipient: Recipient, header: bytes) -> bytes:
    """Get the document key back.

    Raises:
        DocumentDamagedError: Wrapped by another key, or for another document.
    """
    nonce, sealed = (
        recipient.wrapped_key[:WRAP_NONCE_BYTES],
        recipient.wrapped_key[WRAP_NONCE_BYTES:],
    )
    try:
        return wrapping.decrypt(nonce, sealed, header + recipient.key_id.encode())
    except (InvalidTag, ValueError):
        raise DocumentDamagedError("the document's key does not open") from None


class Sealer:
    """Seals one document as it arrives; the header goes before what it returns."""

    def __init__(self, document_key: bytes, header: Header) -> None:
        self.header = header.encode()
        self._cipher = AESGCM(document_key)
        self._prefix = header.nonce_prefix
        self._chunk_bytes = header.chunk_bytes
        self._held = bytearray()
        self._counter = 0

    def update(self, data: bytes) -> list[bytes]:
        """Take bytes in; give out the chunks that are full and not the last."""
        if len(self._held) + len(data) <= self._chunk_bytes:
            # A full chunk is kept back until a byte follows it: it might be the last.
            self._held += data
            return []
        start = self._chunk_bytes - len(self._held)
        sealed = [self._seal(self._held + data[:start], last=False)]
        with memoryview(data) as rest:
            while len(rest) - start > self._chunk_bytes:
                sealed.append(self._seal(rest[start : start + self._chunk_bytes], last=False))
                start += self._chunk_bytes
            self._held = bytearray(rest[start:])
        return sealed

    def seal_whole(self, data: bytes) -> bytes:
        """Seal a document that is all there; gives its header too."""
        if len(data) <= self._chunk_bytes:
            return self.header + self._seal(data, last=True)
        return b"".join((self.header, *self.update(data), self.finish()))

    def finish(self) -> bytes:
        """Give out the last chunk."""
        return self._seal(bytes(self._held), last=True)

    def _seal(self, chunk: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        nonce = _NONCE.pack(self._prefix, self._counter, last)
        self._counter += 1
        return self._cipher.encrypt(nonce, chunk, self.header)


class Opener:
    """Opens one sealed document piece by piece, after its header; verifies before it gives out."""

    def __init__(self, document_key: bytes, header: Header) -> None:
        self._header = header.encode()
        self._cipher = AESGCM(document_key)
        self._prefix = header.nonce_prefix
        self._sealed_chunk_bytes = header.chunk_bytes + TAG_BYTES
        self._held = bytearray()
        self._counter = 0

    def update(self, sealed: bytes) -> bytes:
        """Take sealed bytes in; give out what is verified.

        Raises:
            DocumentDamagedError: A chunk is not the one that belongs here.
        """
        self._held += sealed
        opened = []
        start = 0
        with memoryview(self._held) as held:
            while len(held) - start > self._sealed_chunk_bytes:
                end = start + self._sealed_chunk_bytes
                opened.append(self._open(held[start:end], last=False))
                start = end
        del self._held[:start]
        return b"".join(opened)

    def finish(self) -> bytes:
        """Say that nothing follows; give out the last chunk.

        Raises:
            DocumentDamagedError: The document was cut short or lengthened.
        """
        return self._open(bytes(self._held), last=True)

    def _open(self, chunk: bytes | memoryview, *, last: bool) -> bytes:
        nonce = _NONCE.pack(self._prefix, self._counter, last)
        try:
            opened = self._cipher.decrypt(nonce, chunk, self._header)
        except (InvalidTag, ValueError):
            raise DocumentDamagedError(f"chunk {self._counter} does not open") from None
        self._counter += 1
        return opened


def _uuid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def _uuid_text(data: bytes) -> str:
    return str(uuid.UUID(bytes=data))
