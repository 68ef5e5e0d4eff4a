"""A thread that does what it is handed, in order, and hands back as cheaply as Python can.

A commit is some tens of microseconds of ours and a wait for the disk; an executor's futures
would cost as much again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Handed:
    """Something that a worker was handed; ``wait`` and ``result`` are for other threads."""

    __slots__ = ("_done", "_error", "_tell", "_work")

    def __init__(self, work: Callable[[], None], tell: Callable[[Handed], object] | None) -> None:
        self._work = work
        self._tell = tell
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def wait(self) -> None:
        """Return when it is done, however it went."""
        with self._done:
            pass

    def result(self) -> None:
        """Return when it is done; raises what it raised."""
        self.wait()
        if self._error is not None:
            raise self._error

    def is_done(self) -> bool:
        return not self._done.locked()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  handed to whoever waits
            self._error = error
        self._done.release()
        if self._tell is not None:
            self._tell(self)

    def settle(self, future: asyncio.Future[None]) -> None:
        """Pass on how it went; on the event loop."""
        if future.cancelled():
            return
        if self._error is None:
            future.set_result(None)
        else:
            future.set_exception(self._error)


class Worker:
    """One thread; ``run`` and ``submit`` are called from one event loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._handed: SimpleQueue[Handed | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], None]) -> Handed:
        """Hand something over that is waited for later, or by another thread."""
        return self._hand(Handed(work, None))

    async def run(self, work: Callable[[], None]) -> None:
        """Do something in the thread; whoever is cancelled meanwhile does not stop it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._hand(Handed(work, lambda done: loop.call_soon_threadsafe(done.settle, future)))
        await future

    def stop(self) -> None:
        """Finish what was handed over, then end."""
        if self._thread is not None:
            self._handed.put(None)
            self._thread.join()
            self._thread = None

    def _hand(self, handed: Handed) -> Handed:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._handed.put(handed)
        return handed

    def _work(self) -> None:
        while (handed := self._handed.get()) is not None:
            handed.run()
