"""Clocks that a test moves by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from shared.clock import SystemClock


class MovingClock:
    """Stands still until ``advance``; sleepers wake when their moment has come."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
        self._passed = 0.0
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        until = self._passed + seconds
        while self._passed < until:
            await self._moved.wait()

    def advance(self, seconds: float) -> None:
        self._passed += seconds
        self._moved.set()
        self._moved = asyncio.Event()


class SkippingClock(SystemClock):
    """The machine's own clock, which a test sets forward; who sleeps goes on sleeping."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._skipped)

    def monotonic(self) -> float:
        return super().monotonic() + self._skipped

    def skip(self, seconds: float) -> None:
        self._skipped += seconds
