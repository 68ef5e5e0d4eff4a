"""Files that appear whole or not at all, and what to do when the disk lies.

After a failed fsync the kernel may have dropped the pages and will report success the next time
(https://lwn.net/Articles/752063/). So it is never tried again: the process ends, a new one starts
and recovers from what is really on disk.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

MOST_BUFFERS: Final = 512  # IOV_MAX is 1,024
EXIT_DISK_FAILED: Final = 70  # EX_SOFTWARE; systemd starts the agent again

Fatal = Callable[[str, BaseException], NoReturn]

log = logging.getLogger(__name__)


def end_process(what: str, error: BaseException) -> NoReturn:
    """Log and end at once: nothing may be answered after a disk error."""
    said = "the disk failed while %s: %s; the agent ends and starts again"
    log.critical(said, what, error, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_DISK_FAILED)


def sync_file(descriptor: int, what: str, fatal: Fatal) -> None:
    """Bring a file's bytes and length to disk; returns only if they are there."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        fatal(what, error)


def sync_folder(folder: Path, fatal: Fatal) -> None:
    """Bring a folder's names to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        fatal(f"syncing {folder}", error)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, fatal: Fatal) -> None:
    """Make a folder that only we can enter, and bring its name to disk."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        sync_folder(folder.parent, fatal)


def write_vector(descriptor: int, pieces: Sequence[bytes]) -> int:
    """Write every byte of several pieces, without copying them together; tells how many."""
    wanted = sum(map(len, pieces))
    for at in range(0, len(pieces), MOST_BUFFERS):
        part = pieces[at : at + MOST_BUFFERS]
        written = os.writev(descriptor, part)
        if written < sum(map(len, part)):
            write_all(descriptor, memoryview(b"".join(part))[written:])
    return wanted


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte, also where the kernel takes fewer at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
