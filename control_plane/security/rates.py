"""How often an API key may ask: a bucket of requests per key that fills again with time."""

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


class Rates:
    """The buckets of one process; kept in memory, for they only smooth the load of a moment."""

    def __init__(
        self,
        burst: float = BURST,
        per_second: float = PER_SECOND,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # key id: what is left, as of when

    def admit(self, key_id: str) -> None:
        """Take one request out of a key's bucket.

        Raises:
            TooManyError: It is empty; answer 429 and say when to come again.
        """
        with self._lock:
            left, now = self._left(key_id), self._now()
            if left < 1:
                raise TooManyError(max(1, math.ceil((1 - left) / self._per_second)))
            if len(self._buckets) >= _MANY_KEYS:
                self._forget_full()
            self._buckets[key_id] = (left - 1, now)

    def _left(self, key_id: str) -> float:
        left, at = self._buckets.get(key_id, (self._burst, self._now()))
        return min(self._burst, left + (self._now() - at) * self._per_second)

    def _forget_full(self) -> None:
        full = [key_id for key_id in self._buckets if self._left(key_id) >= self._burst]
        for key_id in full:
            del self._buckets[key_id]
