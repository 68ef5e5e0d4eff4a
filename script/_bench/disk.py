"""What the disk takes when nobody seals, parses or answers: the bound of every durable server."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

SECONDS = 3.0


def synced_files_per_second(folder: Path, size_bytes: int, writers: int) -> float:
    """Write files of a size, each synced before the next, by so many writers at a time."""
    data = os.urandom(size_bytes)
    with ThreadPoolExecutor(writers) as threads:
        return sum(threads.map(partial(_write, folder, data), range(writers))) / SECONDS


def _write(folder: Path, data: bytes, writer: int) -> int:
    end, files = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        path = folder / f"synced-{writer}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, data)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
            path.unlink()
        files += 1
    return files
