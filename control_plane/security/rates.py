"""How often an API key may ask: a bucket of requests per key that fills again with time.

Each process keeps its buckets in memory, for they only smooth the load of a moment, and a question
must not write to the database. Where several primaries serve, each gives out its share of the
limit: behind a load balancer that spreads requests evenly a key has the whole of it, at one
primary alone the share. (Failed sign-ins are another thing: ``failures`` counts them for all.)
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from control_plane.errors import TooManyError

BURST: Final = 600
PER_SECOND: Final = 20.0
_MANY_KEYS: Final = 10_000
_LOOK_EVERY_SECONDS: Final = 5.0


class Rates:
    """The buckets of one process; ``sharers`` counts the primaries that serve, with this one."""

    def __init__(
        self,
        burst: float = BURST,
        per_second: float = PER_SECOND,
        now: Callable[[], float] = time.monotonic,
        sharers: Callable[[], int] = lambda: 1,
    ) -> None:
        self._whole_burst = burst
        self._whole_per_second = per_second
        self._now = now
        self._sharers = sharers
        self._shared_by = 1
        self._look_at = -math.inf
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # key id: what is left, as of when

    def admit(self, key_id: str) -> None:
        """Take one request out of a key's bucket.

        Raises:
            TooManyError: It is empty; answer 429 and say when to come again.
        """
        self._look()
        with self._lock:
            left, now = self._left(key_id), self._now()
            if left < 1:
                raise TooManyError(max(1, math.ceil((1 - left) / self._per_second)))
            if len(self._buckets) >= _MANY_KEYS:
                self._forget_full()
            self._buckets[key_id] = (left - 1, now)

    @property
    def _burst(self) -> float:
        return max(1.0, self._whole_burst / self._shared_by)

    @property
    def _per_second(self) -> float:
        return self._whole_per_second / self._shared_by

    def _look(self) -> None:
        """Ask now and then how many we are; one thread asks, the others do not wait for it."""
        with self._lock:
            now = self._now()
            if now < self._look_at:
                return
            self._look_at = now + _LOOK_EVERY_SECONDS
        sharers = max(1, self._sharers())
        with self._lock:
            self._shared_by = sharers

    def _left(self, key_id: str) -> float:
        left, at = self._buckets.get(key_id, (self._burst, self._now()))
        return min(self._burst, left + (self._now() - at) * self._per_second)

    def _forget_full(self) -> None:
        full = [key_id for key_id in self._buckets if self._left(key_id) >= self._burst]
        for key_id in full:
            del self._buckets[key_id]
