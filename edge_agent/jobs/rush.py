"""Whether so many documents come in that everything else should wait a little."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

SLOT_SECONDS: Final = 0.5
MANY: Final = 40  # documents in this slot and the one before it
AS_MANY_BYTES: Final = 512 * 1024  # of a large one keep us as busy as another document
_LOOK_SECONDS: Final = 0.1


class Rush:
    """Counts the documents of the last moments; the store says when some were taken in."""

    def __init__(self) -> None:
        self._slot = 0
        self._now = self._before = 0

    def note(self, sizes: Sequence[int]) -> None:
        """Say that documents of so many bytes were taken in."""
        self._turn()
        self._now += len(sizes) + sum(sizes) // AS_MANY_BYTES

    def is_on(self) -> bool:
        self._turn()
        return self._now + self._before >= MANY

    async def wait(self, at_most_seconds: float) -> None:
        """Return when it is over, or after so many seconds: nobody waits for ever."""
        end = time.monotonic() + at_most_seconds
        while self.is_on() and time.monotonic() < end:  # noqa: ASYNC110  it ends by time alone
            await asyncio.sleep(_LOOK_SECONDS)

    def _turn(self) -> None:
        slot = int(time.monotonic() / SLOT_SECONDS)
        if slot != self._slot:
            self._before = self._now if slot == self._slot + 1 else 0
            self._slot, self._now = slot, 0
