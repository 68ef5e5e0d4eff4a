"""Keeps the services that are wanted: starts, stops and replaces them, and says what is wrong.

A service whose wanted value is unchanged is left alone. One that cannot start with its new value
goes on with its last good one; one that never could start is tried again, and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.service import Health, Service
from shared.clock import Clock

log = logging.getLogger(__name__)

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 4.0
FIRST_RETRY_SECONDS: Final = 2.0
LONGEST_RETRY_SECONDS: Final = 60.0
# What an administrator can cure; anything else is a fault of ours and ends the process.
TROUBLE: Final = (OSError, TimeoutError, ValueError, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A service as it should run: made anew when ``value`` differs."""

    value: Any
    make: Callable[[], Service]


@dataclass(slots=True)
class _Running:
    wanted: Wanted
    service: Service


@dataclass(slots=True)
class _Failed:
    wanted: Wanted
    says: str
    retry_at: float
    wait_seconds: float


class Keeper:
    """Brings what runs to what is wanted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wanted: dict[str, Wanted] = {}
        self._running: dict[str, _Running] = {}
        self._failed: dict[str, _Failed] = {}
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """Replace what is wanted; order of the mapping is order of start."""
        self._wanted = dict(wanted)
        self._settled.clear()
        self._changed.set()

    @property
    def errors(self) -> dict[str, str]:
        """Sentences for sections that do not run as wanted."""
        return {name: failed.says for name, failed in self._failed.items()}

    @property
    def is_settled(self) -> bool:
        """Whether everything wanted was tried since the last change."""
        return self._settled.is_set()

    async def settled(self) -> None:
        await self._settled.wait()

    def find(self, name: str) -> Service | None:
        running = self._running.get(name)
        return running.service if running else None

    def health(self) -> dict[str, Health]:
        """How every wanted service is."""
        report = {name: running.service.health() for name, running in self._running.items()}
        for name, failed in self._failed.items():
            if name not in report:
                report[name] = Health(ok=False, says=failed.says)
        return report

    async def run(self) -> None:
        """Work until cancelled; then stop everything."""
        try:
            while True:
                self._changed.clear()
                await self._bring_about()
                if not self._changed.is_set():
                    self._settled.set()
                await self._wait()
        finally:
            await self._stop_all()

    async def _wait(self) -> None:
        retries = [failed.retry_at for failed in self._failed.values()]
        left = max(min(retries) - self._clock.monotonic(), 0.05) if retries else None
        try:
            async with asyncio.timeout(left):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _bring_about(self) -> None:
        for name in [name for name in reversed(self._running) if name not in self._wanted]:
            await self._stop(name)
        for name in [name for name in self._failed if name not in self._wanted]:
            del self._failed[name]
        for name, wanted in self._wanted.items():
            running = self._running.get(name)
            if running is not None and running.wanted.value == wanted.value:
                self._failed.pop(name, None)
                continue
            if self._is_due(name, wanted):
                await self._replace(name, wanted)

    def _is_due(self, name: str, wanted: Wanted) -> bool:
        failed = self._failed.get(name)
        if failed is None or failed.wanted.value != wanted.value:
            return True
        return self._clock.monotonic() >= failed.retry_at

    async def _replace(self, name: str, wanted: Wanted) -> None:
        before = self._running.get(name)
        if before is not None:
            await self._stop(name)
        says = await self._start(name, wanted)
        if says is None:
            self._failed.pop(name, None)
            return
        self._note_failure(name, wanted, says)
        if before is not None and await self._start(name, before.wanted) is None:
            log.warning("%s goes on with its last good configuration", name)

    async def _start(self, name: str, wanted: Wanted) -> str | None:
        """Start a service; a sentence when it could not."""
        try:
            service = wanted.make()
            async with asyncio.timeout(START_SECONDS):
                await service.start()
        except TROUBLE as error:
            return str(error) or "it did not start in time"
        self._running[name] = _Running(wanted, service)
        log.info("%s runs", name)
        return None

    def _note_failure(self, name: str, wanted: Wanted, says: str) -> None:
        failed = self._failed.get(name)
        again = failed is not None and failed.wanted.value == wanted.value
        wait = FIRST_RETRY_SECONDS
        if failed is not None and again:
            wait = min(failed.wait_seconds * 2, LONGEST_RETRY_SECONDS)
        self._failed[name] = _Failed(wanted, says, self._clock.monotonic() + wait, wait)
        level = logging.DEBUG if again and failed and failed.says == says else logging.WARNING
        log.log(level, "%s cannot start: %s; trying again", name, says)

    async def _stop(self, name: str) -> None:
        running = self._running.pop(name)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await running.service.stop()
        except TROUBLE as error:
            log.warning("%s did not stop well: %s", name, error or "in time")

    async def _stop_all(self) -> None:
        # Side by side: each may need its seconds, and the whole process has five.
        await asyncio.gather(*(self._stop(name) for name in reversed(list(self._running))))
