"""A large document arrives while the piece before it is still being written."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from edge_agent.spool import incoming
from edge_agent.spool.durable import write_vector
from edge_agent.spool.errors import SpoolFullError
from edge_agent.spool.receiving import PIECE_BYTES
from edge_agent.spool.spool import Spool
from shared.clock import SystemClock
from shared.ids import DocumentId, JobId, new_id
from tests.support.jobs import ALDER

WAIT_SECONDS = 20.0
PIECES = [os.urandom(PIECE_BYTES) for _ in range(4)]


class Disk:
    """Writes at the test's word; the first write of a piece waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        self.error: OSError | None = None
        self.open_at_the_end: bool | None = None

    def write(self, descriptor: int, pieces: Sequence[bytes]) -> int:
        if sum(map(len, pieces)) < PIECE_BYTES:
            return write_vector(descriptor, pieces)  # the header, or what is left at the end
        self.begun.set()
        assert self.may_go_on.wait(WAIT_SECONDS)
        try:
            os.fstat(descriptor)
        except OSError:
            self.open_at_the_end = False
            raise
        self.open_at_the_end = True
        if self.error is not None:
            raise self.error
        return write_vector(descriptor, pieces)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(incoming, "write_vector", disk.write)
    yield disk
    disk.may_go_on.set()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path, SystemClock().now, watermark_bytes=0)
    spool.recover([])
    yield spool
    spool.close()


class Sender:
    """Sends the pieces; the others follow once the first is being written."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.sent = 0

    async def body(self) -> AsyncIterator[bytes]:
        for piece in PIECES:
            if self.sent == 2:
                # The next one is being received, and the one before is in the thread's hands.
                assert await asyncio.to_thread(self._disk.begun.wait, WAIT_SECONDS)
            self.sent += 1
            yield piece


def receive(spool: Spool, sender: Sender) -> asyncio.Task[object]:
    ids = ALDER, JobId(new_id()), DocumentId(new_id())
    return asyncio.create_task(spool.receive(*ids, 1, sender.body()))


def files(spool: Spool) -> list[str]:
    return [
        path.name for part in ("incoming", "documents") for path in (spool.folder / part).iterdir()
    ]


async def begun(disk: Disk) -> None:
    assert await asyncio.to_thread(disk.begun.wait, WAIT_SECONDS)


async def test_a_piece_that_fails_while_the_next_arrives_refuses_the_whole(
    spool: Spool, disk: Disk
) -> None:
    disk.error = OSError(errno.ENOSPC, "No space left on device")
    sender = Sender(disk)
    receiving = receive(spool, sender)
    await begun(disk)
    disk.may_go_on.set()
    with pytest.raises(SpoolFullError):
        await receiving
    assert files(spool) == []
    assert len(await spool.destroy_unused_keys()) == 1
    assert sender.sent < len(PIECES)


async def test_the_same_document_is_whole_when_no_piece_fails(spool: Spool, disk: Disk) -> None:
    receiving = receive(spool, Sender(disk))
    await begun(disk)
    assert not receiving.done()
    disk.may_go_on.set()
    sealed = await receiving
    assert sealed.sha256 == hashlib.sha256(b"".join(PIECES)).hexdigest()  # type: ignore[attr-defined]
    assert len(files(spool)) == 1
    assert await spool.destroy_unused_keys() == []


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_whoever_gives_up_however_often_leaves_the_file_to_its_thread_first(
    spool: Spool, disk: Disk, times: int
) -> None:
    receiving = receive(spool, Sender(disk))
    await begun(disk)
    for _ in range(times):
        receiving.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not receiving.done()
    assert len(files(spool)) == 1
    disk.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert disk.open_at_the_end is True
    assert files(spool) == []
