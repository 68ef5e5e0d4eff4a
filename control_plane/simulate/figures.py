"""What is counted while a fleet runs, and the table at the end."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_MOST_SAMPLES: Final = 200_000
Rows = list[tuple[str, str]]


class Latency:
    """Spans in seconds; beyond some hundred thousand every second one is left out, and so on."""

    def __init__(self) -> None:
        self._samples = array("f")
        self._every = 1
        self.count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.longest = max(self.longest, seconds)
        if self.count % self._every == 0:
            self._samples.append(seconds)
        if len(self._samples) >= _MOST_SAMPLES:
            self._samples = self._samples[::2]
            self._every *= 2

    def percentile(self, percent: float) -> float:
        if not self._samples:
            return 0.0
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def text(self) -> str:
        if not self.count:
            return "none"
        said = [f"p{p} {_span(self.percentile(p))}" for p in (50, 99)]
        return ", ".join([*said, f"longest {_span(self.longest)}", f"{self.count:,} times"])


@dataclass
class Figures:
    """One run's counters; all gateways share them."""

    gateways: int
    began: float = field(default_factory=time.monotonic)
    connected: int = 0  # let in, subscribed, and answered by the primary
    attempts: int = 0
    handshakes: int = 0
    reconnects: int = 0
    facts: int = 0
    sent: int = 0
    again: int = 0  # rows that were sent another time
    acked: int = 0
    messages: int = 0
    pages: int = 0
    commands: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    ack_latency: Latency = field(default_factory=Latency)
    feed_latency: Latency = field(default_factory=Latency)
    back_latency: Latency = field(default_factory=Latency)  # from a lost line to the next answer
    _in_second: Counter[int] = field(default_factory=Counter)

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def on_handshake(self) -> None:
        self.handshakes += 1
        self._in_second[int(self.elapsed())] += 1

    def on_error(self, what: str) -> None:
        self.errors[what[:80]] += 1

    @property
    def most_handshakes(self) -> int:
        """Handshakes in the busiest second."""
        return max(self._in_second.values(), default=0)

    def progress(self) -> str:
        """One line while it runs."""
        return (
            f"{self.elapsed():6.0f} s  {self.connected}/{self.gateways} connected, "
            f"{self.acked:,} of {self.facts:,} facts acknowledged, {self.again:,} sent again, "
            f"{self.reconnects} reconnects, {sum(self.errors.values())} errors"
        )

    def rows(self) -> Rows:
        """What the table shows of the line."""
        each = max(self.gateways, 1)
        return [
            ("gateways connected at the end", f"{self.connected} of {self.gateways}"),
            ("reconnects", f"{self.reconnects:,} ({self.reconnects / each:.1f} per gateway)"),
            ("attempts to connect", f"{self.attempts:,} ({self.attempts / each:.1f} per gateway)"),
            (
                "TLS handshakes",
                f"{self.handshakes:,}, {self.most_handshakes} in the busiest second",
            ),
            ("lost line to answered again", self.back_latency.text()),
            ("facts told", f"{self.facts:,} in {self.messages:,} messages"),
            ("facts acknowledged", f"{self.acked:,}"),
            ("facts sent again", f"{self.again:,}"),
            ("sent to acknowledged", self.ack_latency.text()),
            ("changed to known at a gateway", self.feed_latency.text()),
            ("feed pages, commands", f"{self.pages:,}, {self.commands:,}"),
            *((f"error: {what}", f"{n:,}") for what, n in self.errors.most_common()),
        ]


def draw(rows: Sequence[tuple[str, str]]) -> str:
    """Draw name and value in two columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004
