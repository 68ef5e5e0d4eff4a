"""A large document on its way to disk: written beside, renamed, synced.

It is a document only once a committed row speaks of it, so its name may be there before its bytes
are; one sync then brings both to disk, where the other order would need two.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_agent.spool.durable import Fatal, sync_file, sync_folder, write_vector
from shared.crypto.documents import Sealer

# A document of gigabytes is brought to disk as it comes: the last sync is short, and memory
# is not full of pages that wait to be written.
SYNC_EVERY_BYTES: Final = 64 * 1024 * 1024

log = logging.getLogger(__name__)


class IncomingFile:
    """One file in ``incoming/``; its methods block and belong to one thread at a time."""

    def __init__(self, beside: Path, final: Path, sealer: Sealer, fatal: Fatal) -> None:
        self._beside = beside
        self._final = final
        self._sealer = sealer
        self._fatal = fatal
        self._unsynced = 0
        self._descriptor = -1

    def write(self, data: bytes) -> None:
        """Seal and write more of it."""
        sealed = self._sealer.update(data)
        if self._descriptor < 0:
            self._begin()
        self._write(sealed)

    def finish(self) -> None:
        """Make it a document: durable under its final name when this returns."""
        self._write([self._sealer.finish()])
        self._beside.rename(self._final)
        sync_file(self._descriptor, f"syncing {self._beside.name}", self._fatal)
        self._close()
        sync_folder(self._final.parent, self._fatal)

    def discard(self) -> None:
        """Erase what there is of it."""
        self._close()
        for path in (self._beside, self._final):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:  # collected as an orphan at the next start
                log.warning("%s could not be erased: %s", path, error)

    def _begin(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._descriptor = os.open(self._beside, flags, 0o600)
        self._write([self._sealer.header])

    def _write(self, sealed: Sequence[bytes]) -> None:
        self._unsynced += write_vector(self._descriptor, sealed)
        if self._unsynced >= SYNC_EVERY_BYTES:
            sync_file(self._descriptor, f"syncing {self._beside.name}", self._fatal)
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            self._unsynced = 0

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
