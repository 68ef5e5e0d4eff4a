"""Work that waits for the disk, beside the event loop; nothing is left behind half done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

THREADS: Final = 4


class Threads:
    """The few threads that read, write and erase documents."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="spool")

    def submit(self, work: Callable[[], T]) -> Future[T]:
        return self._pool.submit(work)

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def run(self, work: Callable[[], T]) -> T:
        """Do it and wait for it, also where the one who waits is cancelled."""
        future = self.begin(work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await ended(future)
            raise

    def close(self) -> None:
        self._pool.shutdown(wait=True)


async def ended(future: asyncio.Future[T] | None) -> None:
    """Wait until a thread is done with what it was given, however it went.

    Whoever is cancelled here waits all the same: the thread has the file in its hands.
    """
    cancelled: asyncio.CancelledError | None = None
    while future is not None and not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    if future is not None:
        with contextlib.suppress(OSError):
            future.result()
