"""Jobs whose documents are still coming (Create-Job, LPD, raw): whom to wait for, and how long.

A sender that says nothing for the time-out loses its job (RFC 8011 'multiple-operation-time-out');
the time begins anew with each document, and does not run while one is coming. What was heard is
known as long as the process lasts: after a restart the age of a job counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from shared.clock import Clock

DEFAULT_SECONDS: Final = 300
SHORTEST_SECONDS: Final = 60  # RFC 8011 5.4.31 recommends 60 to 240
LONGEST_SECONDS: Final = 86_400


class Incoming:
    """One per gateway."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[int, datetime] = {}  # by the job's number
        self._coming: Counter[int] = Counter()
        self.time_out_seconds = DEFAULT_SECONDS

    def hear(self, number: int) -> None:
        """Note that the sender of a job did something."""
        self._heard[number] = self._clock.now()

    @contextmanager
    def receiving(self, number: int) -> Iterator[None]:
        """While a document of the job is coming nobody's patience ends."""
        self._coming[number] += 1
        try:
            yield
        finally:
            self._coming[number] -= 1
            self._coming += Counter()  # drops what is zero
            self.hear(number)

    def silent_since(self) -> datetime:
        """Who was heard last before this has waited too long."""
        return self._clock.now() - timedelta(seconds=self.time_out_seconds)

    def still_heard(self) -> str:
        """The numbers of the jobs to be patient with, as JSON; forgets all others."""
        limit = self.silent_since()
        self._heard = {number: at for number, at in self._heard.items() if at > limit}
        return json.dumps([*self._heard.keys() | self._coming.keys()])
