"""The next segment, made ready beside the work.

Bytes that overwrite blocks which are already written reach the disk without the file system's
journal: an fdatasync then takes about half the time, and waits for nobody else's files. So on a
busy gateway the next segment is filled with zeros in advance.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from edge_agent.spool.durable import write_all

PIECE: Final = bytes(1024 * 1024)
ROOM_FOR: Final = 32  # segments that must be free on the disk, or none is made in advance

log = logging.getLogger(__name__)


class PreparedSegment:
    """At most one file of zeros, under a name of its own until it is taken."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="segment-prepare")
        self._coming: Future[int | None] | None = None

    def order(self) -> None:
        """Begin to make one, unless one is ready or on its way, or the last try failed."""
        if self._coming is None:
            self._coming = self._thread.submit(self._make)

    def try_again(self) -> None:
        """Forget a try that failed: there may be room now."""
        if self._coming is not None and self._coming.done() and self._coming.result() is None:
            self._coming = None

    def is_ready(self) -> bool:
        return self._coming is not None and self._coming.done() and bool(self._coming.result())

    def take(self, name: Path) -> int:
        """Give the ready segment its name; gives its descriptor."""
        assert self._coming is not None
        descriptor = self._coming.result()
        assert descriptor is not None
        self._path.rename(name)
        self._coming = None
        return descriptor

    def close(self) -> None:
        """Throw away what nobody took."""
        self._thread.shutdown(wait=True)
        if self.is_ready():
            assert self._coming is not None
            os.close(self._coming.result() or -1)
        self._coming = None
        self._path.unlink(missing_ok=True)

    def _make(self) -> int | None:
        descriptor = -1
        try:
            status = os.statvfs(self._path.parent)
            if status.f_bavail * status.f_frsize < ROOM_FOR * self._size_bytes:
                return None
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for left in range(self._size_bytes, 0, -len(PIECE)):
                write_all(descriptor, PIECE[: min(left, len(PIECE))])
            os.fsync(descriptor)
        except OSError as error:
            # Nothing of anybody's is in it: go on without.
            log.warning("no segment could be made in advance: %s", error)
            if descriptor >= 0:
                os.close(descriptor)
            return None
        return descriptor
