"""Receives, opens and erases sealed documents."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from edge_agent.spool.durable import Fatal, end_process, make_folder
from edge_agent.spool.errors import DocumentGoneError, SpoolFullError
from edge_agent.spool.keys import DayKeys
from edge_agent.spool.receiving import (
    PIECE_BYTES,
    SMALL_BYTES,
    LargeDocuments,
    Receiving,
    Sealed,
    first_bytes,
    refusal,
)
from edge_agent.spool.segments import SEGMENT_BYTES, Segments
from edge_agent.spool.threads import Threads
from shared.crypto.documents import (
    HEADER_BYTES,
    DocumentDamagedError,
    Header,
    Opener,
    Recipient,
    unwrap_key,
)
from shared.ids import AccountId, DocumentId, JobId, is_id

LOOK_SECONDS: Final = 0.05  # how old the knowledge of free space may be
# To seal a chunk is to give up the interpreter's lock and to wait for it: few chunks, then.
CHUNK_BYTES_OF_FILES: Final = 256 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the job store knows of a document that is kept."""

    location: str
    key_id: str


class Spool:
    """The documents of one gateway. ``receive`` and ``open`` run on the event loop."""

    def __init__(
        self,
        state: Path,
        now: Callable[[], datetime],
        *,
        watermark_bytes: int = 128 * 1024 * 1024,
        segment_bytes: int = SEGMENT_BYTES,
        fatal: Fatal = end_process,
    ) -> None:
        self.folder = state / "spool"
        self._incoming = self.folder / "incoming"
        self._documents = self.folder / "documents"
        self._fatal = fatal
        self._watermark_bytes = watermark_bytes
        self.keys = DayKeys(state / "keys", now, fatal)
        self.segments = Segments(self.folder / "segments", fatal, segment_bytes)
        self._threads = Threads()
        self._large = LargeDocuments(
            self._incoming, self._documents, self._threads, self.has_room, fatal
        )
        self._erasing: set[Future[None]] = set()
        self._closed = False
        self._has_room = True
        self._looked_at = -LOOK_SECONDS

    def recover(self, kept: Iterable[Stored]) -> int:
        """Make the folders; erase whatever no committed job speaks of. Tells how many files."""
        for folder in (self.folder, self._incoming, self._documents):
            make_folder(folder, self._fatal)
        files, segments, keys = set[str](), Counter[int](), Counter[str]()
        for stored in kept:
            keys[stored.key_id] += 1
            kind, _, rest = stored.location.partition(":")
            if kind == "segment":
                segments[int(rest.partition(":")[0])] += 1
            else:
                files.add(rest)
        orphans = [*self._incoming.iterdir()]
        orphans += [path for path in self._documents.iterdir() if path.name not in files]
        for path in orphans:
            path.unlink()
        return len(orphans) + self.segments.recover(segments) + self.keys.recover(keys)

    def close(self) -> None:
        self._closed = True
        self.segments.close()
        self._threads.close()

    def free_bytes(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def has_room(self) -> bool:
        """Whether there is more free than the low-disk watermark."""
        now = time.monotonic()
        if now >= self._looked_at + LOOK_SECONDS:
            self._has_room = self.free_bytes() > self._watermark_bytes
            self._looked_at = now
        return self._has_room

    async def receive(
        self,
        account_id: AccountId,
        job_id: JobId,
        document_id: DocumentId,
        number: int,
        body: bytes | AsyncIterator[bytes],
    ) -> Sealed:
        """Seal a document as it arrives.

        A small one waits in memory for its segment, a large one is on disk when this returns.
        Whatever ``body`` raises ends it and leaves nothing.

        Raises:
            SpoolFullError: There is no room, or it could not be written.
        """
        if not self.has_room():
            raise SpoolFullError
        try:
            key = await self.keys.use(account_id)
        except OSError as error:
            raise refusal(error) from error
        try:
            head, rest = (body, None) if isinstance(body, bytes) else await first_bytes(body)
            if len(head) < SMALL_BYTES:
                header = Header.new(account_id, job_id, number)
                return Receiving(key, header, document_id).small(head)
            header = Header.new(account_id, job_id, number, CHUNK_BYTES_OF_FILES)
            return await self._large.receive(Receiving(key, header, document_id), head, rest)
        except BaseException:
            self.keys.done([key.id])
            raise

    async def open(
        self,
        account_id: AccountId,
        job_id: JobId,
        number: int,
        location: str,
        recipients: Sequence[Recipient],
    ) -> AsyncGenerator[bytes, None]:
        """Read a document; each piece is verified before it is given out.

        Raises:
            DocumentGoneError: It, or its key, is erased.
            DocumentDamagedError: It is not what was stored.
        """
        kind, _, rest = location.partition(":")
        who = (account_id, job_id, number)
        if kind == "segment":
            where = [int(part) for part in rest.split(":")]
            sealed = await self._threads.run(partial(self.segments.read, *where))
            opener = self._opener(sealed[:HEADER_BYTES], who, recipients)
            opened = opener.update(sealed[HEADER_BYTES:]) + opener.finish()
            if opened:
                yield opened
            return
        descriptor = await self._threads.run(partial(self._open_file, rest))
        try:
            header = await self._threads.run(partial(os.read, descriptor, HEADER_BYTES))
            opener = self._opener(header, who, recipients)
            while sealed := await self._threads.run(partial(os.read, descriptor, PIECE_BYTES)):
                yield opener.update(sealed)
            yield opener.finish()
        finally:
            os.close(descriptor)

    def erase(self, documents: Sequence[Stored]) -> None:
        """Erase documents whose rows are gone; their keys follow with ``keys.destroy_unused``."""
        numbers = []
        for stored in documents:
            kind, _, rest = stored.location.partition(":")
            if kind == "segment":
                numbers.append(int(rest.partition(":")[0]))
            elif is_id(rest):
                (self._documents / rest).unlink(missing_ok=True)
        self.segments.forget(numbers)
        self.keys.done([stored.key_id for stored in documents])

    async def destroy_unused_keys(self) -> list[str]:
        """Destroy the day keys that nothing is sealed for, after what is being erased."""
        await asyncio.gather(*[asyncio.wrap_future(future) for future in tuple(self._erasing)])
        return await self._threads.run(self.keys.destroy_unused)

    def erase_soon(self, documents: Sequence[Stored]) -> None:
        """Erase in a thread: to unlink gigabytes takes a while. Orphans wait for the next start."""
        if documents and not self._closed:
            future = self._threads.submit(partial(self._erase_and_log, documents))
            self._erasing.add(future)
            future.add_done_callback(self._erasing.discard)

    def _erase_and_log(self, documents: Sequence[Stored]) -> None:
        try:
            self.erase(documents)
        except OSError as error:
            log.warning("a document is not erased until the next start: %s", error)

    def discard(self, sealed: Sealed) -> None:
        """Erase a received document that no job was committed for."""
        if sealed.location:
            self.erase([Stored(sealed.location, sealed.recipient.key_id)])
        else:
            self.keys.done([sealed.recipient.key_id])

    def _open_file(self, name: str) -> int:
        if not is_id(name):
            raise DocumentGoneError(f"{name!r} names no document")
        try:
            return os.open(self._documents / name, os.O_RDONLY)
        except FileNotFoundError:
            raise DocumentGoneError("the document is erased") from None

    def _opener(
        self, header: bytes, who: tuple[AccountId, JobId, int], recipients: Sequence[Recipient]
    ) -> Opener:
        found = Header.decode(header)
        if (found.account_id, found.job_id, found.number) != who:
            raise DocumentDamagedError("it is the document of another job")
        for recipient in recipients:
            key = self.keys.find(recipient.key_id)
            return Opener(unwrap_key(key.cipher, recipient, header), found)
        raise DocumentGoneError("nobody here has a key to it")
