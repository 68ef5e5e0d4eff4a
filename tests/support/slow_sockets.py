"""Clients that only drip: ``python -m tests.support.slow_sockets PORT COUNT``.

Each sends one octet of a header a second, from one of ten addresses, and comes again when it is
cut off. Prints ``ready`` when all are connected, and ends with its parent.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from shared.processes import die_with_parent, end

SOURCES: Final = 10
HEADER: Final = b"POST /ipp/print/pull HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 4000


async def drip(port: int, number: int, connected: asyncio.Queue[int]) -> None:
    source = (f"127.0.1.{1 + number % SOURCES}", 0)
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
            connected.put_nowait(number)
            for octet in HEADER:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(1)
        await asyncio.sleep(0.1)


async def main(port: int, count: int) -> None:
    connected: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(drip(port, number, connected))
        for _ in range(count):
            await connected.get()
        print("ready", flush=True)


@contextmanager
def slow_sockets(port: int, count: int) -> Iterator[None]:
    """Let so many drip, in a process of their own; enter and leave in a thread."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.slow_sockets", str(port), str(count)],
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,  # noqa: PLW1509
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
