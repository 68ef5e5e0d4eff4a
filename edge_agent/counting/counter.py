"""Counts pages: sends a document to a child process and believes its answer, within reason."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from edge_agent.counting import child, words

AT_ONCE: Final = 2
WALL_SECONDS: Final = 40.0
MAX_IMPRESSIONS: Final = 1_000_000
MAX_ANSWER_OCTETS: Final = 4096

KINDS: Final[Mapping[str, str]] = {
    "application/pdf": child.PDF,
    "application/x-pdf": child.PDF,
    "image/pwg-raster": child.PWG,
    "image/urf": child.URF,
}
JPEG: Final = "image/jpeg"
UNTOLD: Final = "application/octet-stream"

_JPEG_MAGIC: Final = b"\xff\xd8\xff"
_MAGIC: Final = {b"%PDF-": child.PDF, b"RaS2": child.PWG, b"UNIRAST\0": child.URF}
_NOTES: Final = {
    child.PROTECTED: words.PROTECTED,
    child.DAMAGED: words.DAMAGED,
    child.TOO_LARGE: words.TOO_LARGE,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Count:
    """Pages of one document; ``impressions`` None means: not counted, ``note`` says why."""

    impressions: int | None
    color: int | None = None
    source: str = "document"
    confidence: str = "high"  # high | low | none
    note: str = ""


class PageCounter:
    """Counts one document per call, a few at once (a ``Counter`` of ``jobs/counting.py``)."""

    def __init__(self, *, wall_seconds: float = WALL_SECONDS, at_once: int = AT_ONCE) -> None:
        self._wall_seconds = wall_seconds
        self._slots = asyncio.Semaphore(at_once)

    async def __call__(self, chunks: AsyncIterator[bytes], format: str, /) -> Count:  # noqa: A002
        """Count; never raises for a bad document. Errors of ``chunks`` are the caller's."""
        media_type = format.partition(";")[0].strip().lower()
        first = await anext(aiter(chunks), b"")
        if media_type == JPEG or (media_type == UNTOLD and first.startswith(_JPEG_MAGIC)):
            is_jpeg = first.startswith(_JPEG_MAGIC)
            return Count(1) if is_jpeg else not_counted(words.DAMAGED)
        kind = KINDS.get(media_type) or (_sniff(first) if media_type == UNTOLD else None)
        if kind is None:
            return not_counted(words.OTHER_FORMAT)
        async with self._slots:
            return await self._count(kind, first, chunks)

    async def _count(self, kind: str, first: bytes, rest: AsyncIterator[bytes]) -> Count:
        process = await asyncio.create_subprocess_exec(
            *command(kind),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=MAX_ANSWER_OCTETS,
        )
        answer = bytearray()
        timed_out = False
        listening = asyncio.create_task(_listen(process, answer), name="hear the page counter")
        try:
            async with asyncio.timeout(self._wall_seconds):
                await _feed(process, first, rest)
                await listening
        except TimeoutError:
            timed_out = True
        finally:
            await _end(process)
            await asyncio.wait([listening])
        return understand(bytes(answer), process.returncode, timed_out=timed_out)


def command(kind: str) -> list[str]:
    """How to start the child: as a module, or as a hidden command of the frozen program."""
    frozen = getattr(sys, "frozen", False)
    start = ["count-child"] if frozen else ["-m", "edge_agent.counting.child"]
    return [sys.executable, *start, kind, str(os.getpid())]


async def _feed(
    process: asyncio.subprocess.Process, first: bytes, rest: AsyncIterator[bytes]
) -> None:
    assert process.stdin is not None
    # A child that has seen enough closes its ears; what it said still counts.
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(first)
        await process.stdin.drain()
        async for chunk in rest:
            process.stdin.write(chunk)
            await process.stdin.drain()
    process.stdin.close()


async def _listen(process: asyncio.subprocess.Process, answer: bytearray) -> None:
    assert process.stdout is not None
    while len(answer) < MAX_ANSWER_OCTETS and (part := await process.stdout.read(1024)):
        answer += part
    await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def understand(answer: bytes, exit_status: int | None, *, timed_out: bool) -> Count:
    """Read what the child said; it may have been taken over by the document."""
    finding = _last_finding(answer)
    impressions, color = finding.get("impressions"), finding.get("color")
    if isinstance(impressions, int) and 0 < impressions <= MAX_IMPRESSIONS:
        known = color if isinstance(color, int) and 0 <= color <= impressions else None
        return Count(impressions, known)
    note = _NOTES.get(str(finding.get("note")))
    if note is not None:
        return not_counted(note)
    if timed_out or (exit_status or 0) < 0:
        return not_counted(words.TOO_LONG)
    log.warning("the page counter ended with status %s and said nothing", exit_status)
    return not_counted(words.FAILED)


def _last_finding(answer: bytes) -> Mapping[str, object]:
    for line in reversed(answer.splitlines()):
        try:
            finding = json.loads(line)
        except ValueError:
            continue
        if isinstance(finding, dict):
            return finding
    return {}


def not_counted(note: str) -> Count:
    return Count(None, confidence="none", note=note)


def _sniff(first: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if first.startswith(magic)), None)
