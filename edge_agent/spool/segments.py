"""Small documents, one after another in shared append-only files.

One fdatasync brings the documents of many clients to disk. A process never appends to a segment
of an earlier one, so a torn end does no harm; a segment is erased when its last document is gone.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from edge_agent.spool.durable import Fatal, make_folder, sync_file, sync_folder
from edge_agent.spool.errors import DocumentGoneError
from edge_agent.spool.prepared import PreparedSegment

SEGMENT_BYTES: Final = 8 * 1024 * 1024
BUSY_PART: Final = 16  # one part in so many written: it pays to make the next in advance
MOST_BUFFERS: Final = 512  # IOV_MAX is 1,024


class Segments:
    """Appends, reads and reclaims segments; ``append`` and ``sync`` belong to one thread."""

    def __init__(self, folder: Path, fatal: Fatal, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._fatal = fatal
        self._segment_bytes = segment_bytes
        self._documents: Counter[int] = Counter()  # those on their way included
        self._lock = threading.Lock()
        self._number = 0
        self._descriptor: int | None = None
        self._size = 0
        self._is_prepared = False
        self._prepared = PreparedSegment(folder / "prepared", segment_bytes)

    def recover(self, documents: Counter[int]) -> int:
        """Count what each segment holds; erase those that hold nothing. Tells how many."""
        make_folder(self._folder, self._fatal)
        present = {int(path.name): path for path in self._folder.iterdir() if path.name.isdigit()}
        self._documents = Counter(documents)
        self._number = max([0, *present, *documents])
        (self._folder / "prepared").unlink(missing_ok=True)
        unused = [path for number, path in present.items() if not documents[number]]
        for path in unused:
            path.unlink()
        return len(unused)

    def append(self, documents: Sequence[bytes]) -> list[str]:
        """Append sealed documents; tells their locations. Durable after ``sync``.

        Raises:
            OSError: Nothing was appended.
        """
        descriptor = self._writable()
        start, offset = self._size, self._size
        locations = []
        for document in documents:
            locations.append(f"segment:{self._number}:{offset}:{len(document)}")
            offset += len(document)
        try:
            for at in range(0, len(documents), MOST_BUFFERS):
                part = documents[at : at + MOST_BUFFERS]
                self._size += _write_vector(descriptor, part, self._size)
        except OSError:
            self._size = start
            self._abandon()
            raise
        with self._lock:
            self._documents[self._number] += len(documents)
        return locations

    def sync(self) -> None:
        """Bring what was appended to disk; returns only if it is there."""
        if self._descriptor is not None:
            sync_file(self._descriptor, "syncing a segment", self._fatal)

    def forget(self, numbers: Iterable[int]) -> None:
        """Say that documents are gone (one mention each); erases segments that hold nothing."""
        with self._lock:
            self._documents.subtract(numbers)
            empty = [n for n, count in self._documents.items() if count <= 0 and n != self._number]
            for number in empty:
                del self._documents[number]
        for number in empty:
            (self._folder / str(number)).unlink(missing_ok=True)

    def read(self, number: int, offset: int, length: int) -> bytes:
        """Read one sealed document.

        Raises:
            DocumentGoneError: The segment is erased.
        """
        try:
            descriptor = os.open(self._folder / str(number), os.O_RDONLY)
        except FileNotFoundError:
            raise DocumentGoneError("its segment is erased") from None
        try:
            return os.pread(descriptor, length, offset)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        self._abandon()
        self._prepared.close()

    def __len__(self) -> int:
        return len(self._documents)

    def _writable(self) -> int:
        if self._size >= self._segment_bytes or (
            self._prepared.is_ready() and not self._is_prepared
        ):
            self._abandon()
        if self._descriptor is None:
            self._begin()
        elif self._is_prepared or self._size >= self._segment_bytes // BUSY_PART:
            self._prepared.order()
        assert self._descriptor is not None
        return self._descriptor

    def _begin(self) -> None:
        number = self._number + 1
        path = self._folder / str(number)
        self._prepared.try_again()
        self._is_prepared = self._prepared.is_ready()
        if self._is_prepared:
            self._descriptor = self._prepared.take(path)
        else:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with self._lock:
            self._number, self._size = number, 0
            self._documents[number] += 0  # known from its birth, or nobody would erase it
        sync_folder(self._folder, self._fatal)

    def _abandon(self) -> None:
        """Leave the segment as it is; the next document begins a new one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write_vector(descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
    wanted = sum(map(len, buffers))
    written = os.pwritev(descriptor, buffers, offset)
    if written < wanted:
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            count = os.pwrite(descriptor, rest, offset + wanted - len(rest))
            rest = rest[count:]
    return wanted
