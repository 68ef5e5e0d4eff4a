"""Pages counted by the real child process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.counting import child, words
from edge_agent.counting.counter import Count, PageCounter, command, understand
from tests.support import documents as d
from tests.support.deliveries import in_chunks
from tests.support.demo_site import wait_for

PDF = "application/pdf"


async def count(data: bytes, media_type: str = PDF, seconds: float = 30.0) -> Count:
    return await PageCounter(wall_seconds=seconds)(in_chunks(data), media_type)


@pytest.mark.parametrize(
    ("data", "media_type", "expected"),
    [
        (d.a_pdf(d.BLACK_LINE), PDF, Count(1, 0)),
        (d.a_pdf(d.BLACK_LINE, d.RED_LINE, d.BLACK_LINE), PDF, Count(3, 1)),
        (d.a_pdf(*[d.BLACK_LINE] * 200), "application/pdf; version=1.7", Count(200, 0)),
        (d.a_pdf(d.RED_LINE), "application/octet-stream", Count(1, 1)),
        (d.a_pwg_raster(3), "image/pwg-raster", Count(3, 0)),
        (d.a_pwg_raster(2, color_space=19), "application/octet-stream", Count(2, None)),
        (d.a_urf(4), "image/urf", Count(4, 0)),
        (b"\xff\xd8\xff\xe0 a picture", "image/jpeg", Count(1, None)),
        (b"\xff\xd8\xff\xe0 a picture", "application/octet-stream", Count(1, None)),
    ],
)
async def test_pages_are_counted_with_their_colour(
    data: bytes, media_type: str, expected: Count
) -> None:
    assert await count(data, media_type) == expected


@pytest.mark.parametrize(
    ("data", "media_type", "note"),
    [
        (d.a_protected_pdf(), PDF, words.PROTECTED),
        (b"%PDF-1.4 and then nothing", PDF, words.DAMAGED),
        (b"", PDF, words.DAMAGED),
        (b"Hello", PDF, words.DAMAGED),
        (d.a_pdf(d.BLACK_LINE, count=40_000), PDF, words.DAMAGED),
        (d.a_pdf(d.BLACK_LINE, count=1_000_000), PDF, words.DAMAGED),
        (d.a_pdf_whose_pages_go_in_circles(), PDF, words.DAMAGED),
        (b"not a picture", "image/jpeg", words.DAMAGED),
        (d.a_pwg_raster(2)[:-3], "image/pwg-raster", words.DAMAGED),
        (b"%!PS-Adobe-3.0", "application/postscript", words.OTHER_FORMAT),
        (b"%!PS-Adobe-3.0", "application/octet-stream", words.OTHER_FORMAT),
        (b"hello", "text/plain", words.OTHER_FORMAT),
    ],
)
async def test_what_cannot_be_counted_says_why(data: bytes, media_type: str, note: str) -> None:
    assert await count(data, media_type) == Count(None, confidence="none", note=note)


async def test_a_document_that_draws_for_ever_is_counted_and_left() -> None:
    started = time.monotonic()
    counted = await count(d.a_pdf_that_draws_for_ever(), seconds=2.0)
    assert time.monotonic() - started < 5
    assert (counted.impressions, counted.confidence) == (1, "high")


async def test_a_document_that_unpacks_to_more_than_there_is_does_no_harm() -> None:
    bomb = d.a_pdf_that_unpacks_to(600_000_000)
    started = time.monotonic()
    counted = await count(bomb, seconds=5.0)
    assert time.monotonic() - started < 10
    assert counted.impressions == 1


async def test_a_document_that_never_ends_is_left_in_time() -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b"%PDF-1.4"
        while True:
            await asyncio.sleep(0.05)
            yield b" "

    counted = await PageCounter(wall_seconds=0.5)(drip(), PDF)
    assert counted == Count(None, confidence="none", note=words.TOO_LONG)


async def test_an_error_of_the_document_itself_is_the_callers() -> None:
    async def damaged() -> AsyncIterator[bytes]:
        yield b"%PDF-1.4"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await PageCounter()(damaged(), PDF)
    assert not _children()


async def test_canceling_leaves_no_child_behind() -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b"%PDF-1.4"
        await asyncio.sleep(60)

    task = asyncio.create_task(PageCounter()(drip(), PDF))
    while not _children():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not _children()


async def test_no_more_than_two_are_counted_at_once() -> None:
    counter, most = PageCounter(), 0
    tasks = [asyncio.create_task(counter(in_chunks(d.a_pdf(d.BLACK_LINE)), PDF)) for _ in range(5)]
    while not all(task.done() for task in tasks):
        most = max(most, len(_children()))
        await asyncio.sleep(0.005)
    assert [task.result().impressions for task in tasks] == [1] * 5
    assert most == 2


def _children() -> set[str]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = {pid: _command_line(pid) for pid in found}
    return {pid for pid, name in names.items() if "counting.child" in name}


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _processor_limits(pid: str) -> set[int]:
    """What a child gives up after it has bound itself to its parent."""
    try:
        limits = Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return set()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max cpu time")]
    return {int(word) for word in line.split() if word.isdecimal()}


GIVEN_UP = """
import os, sys
from edge_agent.counting import child
child.give_up(os.getppid())
def refused(do):
    try:
        do()
    except (OSError, MemoryError) as error:
        return type(error).__name__
print(refused(lambda: open("/etc/passwd")), refused(lambda: bytearray(2_000_000_000)))
os.write(1, b"still heard\\n")
while True:
    pass
"""


def test_the_child_gives_up_files_memory_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    code = GIVEN_UP.replace("child.give_up", "child.PROCESSOR_SECONDS = 1\nchild.give_up")
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, timeout=20, text=True
    )
    assert "OSError MemoryError" in ended.stdout
    assert "still heard" in ended.stdout
    assert ended.returncode < 0


ORPHAN = """
import subprocess, sys, os
from edge_agent.counting.counter import command
child = subprocess.Popen(command("pdf"), stdin=os.dup(0), stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.buffer.read(1)
"""


def test_the_child_ends_with_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = parent.stdout.readline().decode().strip()
    wait_for(lambda: child.PROCESSOR_SECONDS in _processor_limits(pid), "a child bound to it")
    parent.kill()
    parent.wait()
    wait_for(lambda: not _command_line(pid), "the end of the child")
    parent.stdout.close()
    assert parent.stdin is not None
    parent.stdin.close()


@pytest.mark.parametrize(
    ("answer", "status", "timed_out", "expected"),
    [
        (b'{"impressions": 3}\n', 0, False, Count(3)),
        (b'{"impressions": 3}\n{"impressions": 3, "color": 1}\n', 0, False, Count(3, 1)),
        (b'{"impressions": 3}\n{"impressi', -9, True, Count(3)),
        (b'{"impressions": 3, "color": 4}\n', 0, False, Count(3)),
        (b"", -9, False, Count(None, confidence="none", note=words.TOO_LONG)),
        (b"", 1, False, Count(None, confidence="none", note=words.FAILED)),
        (b'{"impressions": -3}\n', 0, False, Count(None, confidence="none", note=words.FAILED)),
        (
            b'{"impressions": 10000000000}',
            0,
            False,
            Count(None, confidence="none", note=words.FAILED),
        ),
        (b'{"impressions": "3"}', 0, False, Count(None, confidence="none", note=words.FAILED)),
        (b"[1]\n7\n\xff\xff", 0, False, Count(None, confidence="none", note=words.FAILED)),
    ],
)
def test_a_child_that_was_taken_over_is_believed_within_reason(
    answer: bytes, status: int, timed_out: bool, expected: Count
) -> None:
    assert understand(answer, status, timed_out=timed_out) == expected


async def test_a_document_too_large_for_the_child_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(child.MAX_DOCUMENT_OCTETS // (1 << 20) + 1):
            yield bytes(1 << 20)

    counted = await PageCounter()(large(), PDF)
    assert counted == Count(None, confidence="none", note=words.TOO_LARGE)


def test_the_frozen_program_starts_itself_as_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("pdf")[1:3] == ["-m", "edge_agent.counting.child"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert command("pdf")[1:] == ["count-child", "pdf", str(os.getpid())]
