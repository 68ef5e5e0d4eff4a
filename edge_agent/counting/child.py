"""The child that counts: ``python -m edge_agent.counting.child FORMAT PARENT_PID``.

The document comes on standard input and is never written anywhere; the answer is one line of
JSON per finding on standard output, the later one completing the earlier one. Before the first
octet is read the child has given up: more memory, more processor time than it needs, opening and
writing files, core dumps, and outliving its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Final

from edge_agent.counting.raster import count_pwg, count_urf

MAX_DOCUMENT_OCTETS: Final = 128 * 1024 * 1024
MEMORY_OCTETS: Final = 1024 * 1024 * 1024
PROCESSOR_SECONDS: Final = 15
OPEN_FILES: Final = 3  # as many as are open already

PDF: Final = "pdf"
PWG: Final = "pwg"
URF: Final = "urf"

PROTECTED: Final = "protected"
DAMAGED: Final = "damaged"
TOO_LARGE: Final = "too-large"

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4


def main(arguments: Sequence[str]) -> int:
    """Count one document; the exit status says nothing."""
    kind, parent = arguments[0], int(arguments[1])
    if kind == PDF:
        import edge_agent.counting.pdf  # noqa: F401, PLC0415 - loads its library while it may
    give_up(parent)
    data = sys.stdin.buffer.read(MAX_DOCUMENT_OCTETS + 1)
    if len(data) > MAX_DOCUMENT_OCTETS:
        tell(note=TOO_LARGE)
        return 0
    try:
        count(kind, data)
    except (ValueError, MemoryError):
        tell(note=DAMAGED)
    return 0


def give_up(parent: int) -> None:
    """Bind this process to its parent and to its limits; nothing undoes that."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_DUMPABLE, 0)  # The document must not be read out of our memory.
    if os.getppid() != parent:
        os._exit(1)  # It died before we asked.
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_OCTETS),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def count(kind: str, data: bytes) -> None:
    if kind == PDF:
        _count_pdf(data)
        return
    pages = count_pwg(data) if kind == PWG else count_urf(data)
    tell(impressions=pages.impressions, color=pages.color)


def _count_pdf(data: bytes) -> None:
    from edge_agent.counting.pdf import Document, ProtectedError  # noqa: PLC0415

    try:
        document = Document(data)
    except ProtectedError:
        tell(note=PROTECTED)
        return
    pages = document.count()
    # Told at once: looking for colour means drawing, and a page may be made to take for ever.
    tell(impressions=pages)
    tell(impressions=pages, color=document.count_color(pages))


def tell(**finding: int | str | None) -> None:
    sys.stdout.write(json.dumps(finding) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
