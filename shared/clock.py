"""Time: the only place that asks what time it is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a part needs of time; tests hand in one that they move by hand."""

    def now(self) -> datetime:
        """Tell the moment, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; for spans, not for moments."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; returns early only by cancellation."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def to_wire(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds: ``2026-11-22T10:41:31.204Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def from_wire(text: str) -> datetime:
    """Read a moment written by ``to_wire``.

    Raises:
        ValueError: Not RFC 3339, or without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs an offset: {text!r}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
