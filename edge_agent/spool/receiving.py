"""A document while it arrives: counted, sealed, and brought to disk where it is large."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from edge_agent.spool.durable import Fatal
from edge_agent.spool.errors import SpoolFullError
from edge_agent.spool.incoming import IncomingFile
from edge_agent.spool.keys import DayKey
from edge_agent.spool.threads import Threads, ended
from shared.crypto.documents import KEY_BYTES, Header, Recipient, Sealer, wrap_key
from shared.ids import AccountId, DocumentId, JobId

SMALL_BYTES: Final = 64 * 1024  # smaller documents share a segment
PIECE_BYTES: Final = 512 * 1024  # sealed and written, or read and opened, in one go

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sealed:
    """A document that was received; durable once the job store has committed it."""

    account_id: AccountId
    job_id: JobId
    document_id: DocumentId
    number: int
    recipient: Recipient
    size_bytes: int  # as it came
    sha256: str  # hex, as it came
    location: str  # empty until the store has put it into a segment
    bytes_for_segment: bytes = b""  # header and chunks, where it is small

    @property
    def in_segment(self) -> bool:
        """Whether it shares a segment; a file of its own is on disk already."""
        return not self.location.startswith("file:")


class Receiving:
    """One document while it arrives."""

    def __init__(self, key: DayKey, header: Header, document_id: DocumentId) -> None:
        secret = os.urandom(KEY_BYTES)
        self.document_id = document_id
        self.sealer = Sealer(secret, header)
        self._header = header
        self._recipient = wrap_key(key.cipher, key.id, secret, self.sealer.header)
        self._size = 0
        self._hash = hashlib.sha256()

    def count(self, data: bytes) -> None:
        self._size += len(data)
        self._hash.update(data)

    def small(self, data: bytes) -> Sealed:
        self.count(data)
        return self.sealed("", self.sealer.seal_whole(data))

    def sealed(self, location: str, stored: bytes) -> Sealed:
        return Sealed(
            self._header.account_id,
            self._header.job_id,
            self.document_id,
            self._header.number,
            self._recipient,
            self._size,
            self._hash.hexdigest(),
            location,
            stored,
        )


class LargeDocuments:
    """Brings documents to disk as they come: a piece is written while the next one arrives."""

    def __init__(
        self,
        incoming: Path,
        documents: Path,
        threads: Threads,
        has_room: Callable[[], bool],
        fatal: Fatal,
    ) -> None:
        self._incoming = incoming
        self._documents = documents
        self._threads = threads
        self._has_room = has_room
        self._fatal = fatal

    async def receive(
        self, receiving: Receiving, head: bytes, rest: AsyncIterator[bytes] | None
    ) -> Sealed:
        name = receiving.document_id
        paths = self._incoming / name, self._documents / name
        file = IncomingFile(*paths, receiving.sealer, self._fatal)
        try:
            await self._fill(file, receiving, head, rest)
        except BaseException:
            file.discard()
            raise
        return receiving.sealed(f"file:{name}", b"")

    async def _fill(
        self,
        file: IncomingFile,
        receiving: Receiving,
        head: bytes,
        rest: AsyncIterator[bytes] | None,
    ) -> None:
        held, held_bytes = [head], len(head)
        writing: asyncio.Future[None] | None = None  # the piece before, while this one comes in
        try:
            async for chunk in rest or _nothing():
                held.append(chunk)
                held_bytes += len(chunk)
                if held_bytes >= PIECE_BYTES:
                    if not self._has_room():
                        raise SpoolFullError
                    piece, held, held_bytes = b"".join(held), [], 0
                    await _on_disk(writing)
                    writing = self._threads.begin(partial(_count_and_write, receiving, file, piece))
            await _on_disk(writing)
            writing = self._threads.begin(
                partial(_count_and_finish, receiving, file, b"".join(held))
            )
            await _on_disk(writing)
        finally:
            # While the thread uses the file it may neither be closed nor erased.
            await ended(writing)


async def first_bytes(body: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """Read until the document is complete or no longer small."""
    pieces, size = [], 0
    async for chunk in body:
        pieces.append(chunk)
        size += len(chunk)
        if size >= SMALL_BYTES:
            return b"".join(pieces), body
    return b"".join(pieces), None


def refusal(error: OSError) -> SpoolFullError:
    """What to answer where the disk did not take a document."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE):
        return SpoolFullError()
    log.error("a document could not be written: %s", error)
    return SpoolFullError("The document could not be written to disk.")


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _on_disk(writing: asyncio.Future[None] | None) -> None:
    if writing is None:
        return
    try:
        await asyncio.shield(writing)
    except OSError as error:
        raise refusal(error) from error


def _count_and_write(receiving: Receiving, file: IncomingFile, data: bytes) -> None:
    receiving.count(data)
    file.write(data)


def _count_and_finish(receiving: Receiving, file: IncomingFile, data: bytes) -> None:
    _count_and_write(receiving, file, data)
    file.finish()
