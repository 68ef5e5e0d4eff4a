"""A large document on its way to disk: written beside, synced, renamed."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from edge_agent.spool.durable import Fatal, sync_file, sync_folder, write_all
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

    def begin(self, data: bytes) -> None:
        """Write the header and what has come so far."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._descriptor = os.open(self._beside, flags, 0o600)
        self._write(self._sealer.header + self._sealer.update(data))

    def write(self, data: bytes) -> None:
        """Seal and write more of it."""
        self._write(self._sealer.update(data))

    def finish(self) -> None:
        """Make it a document: durable under its final name when this returns."""
        self._write(self._sealer.finish())
        sync_file(self._descriptor, f"syncing {self._beside.name}", self._fatal)
        self._close()
        self._beside.rename(self._final)
        sync_folder(self._final.parent, self._fatal)

    def discard(self) -> None:
        """Erase what there is of it."""
        self._close()
        for path in (self._beside, self._final):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:  # collected as an orphan at the next start
                log.warning("%s could not be erased: %s", path, error)

    def _write(self, sealed: bytes) -> None:
        write_all(self._descriptor, sealed)
        self._unsynced += len(sealed)
        if self._unsynced >= SYNC_EVERY_BYTES:
            sync_file(self._descriptor, f"syncing {self._beside.name}", self._fatal)
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            self._unsynced = 0

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
