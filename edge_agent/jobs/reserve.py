"""Disk space kept back, so that release, sign-in and audit go on when the disk is full."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

_LEAST_BYTES: Final = 1024 * 1024  # less would not hold a commit

log = logging.getLogger(__name__)


class Reserve:
    """A file of nothing; erased when its space is needed."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def fill(self) -> None:
        """Take the space; on a small disk no more than a quarter of what is free."""
        if self._size_bytes == 0 or self._path.exists():
            return
        status = os.statvfs(self._path.parent)
        size_bytes = min(self._size_bytes, status.f_bavail * status.f_frsize // 4)
        if size_bytes < _LEAST_BYTES:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size_bytes)
        except OSError as error:
            log.warning("no disk space could be kept back: %s", error)
            self._path.unlink()
        finally:
            os.close(descriptor)

    def spend(self) -> None:
        """Give the space to whoever needs it now."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
            log.warning("the disk is full: the reserved space is given up")
