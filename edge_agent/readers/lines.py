"""Lines from a card reader, without I/O: framing, repeats, floods. The bytes are hostile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BURST: Final = 10
PER_SECOND: Final = 5.0


@dataclass(frozen=True, slots=True)
class Framing:
    """How a reader's bytes become lines."""

    delimiters: tuple[bytes, ...] = (b"\r", b"\n")
    idle_ms: int = 0  # a pause that ends a line for readers that send no delimiter; 0: none does
    max_length: int = 128
    charset: str = "ascii"


class Lines:
    """Cuts a stream into lines; a line that is too long is thrown away whole."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._kept = bytearray()
        self._skipping = False

    @property
    def is_waiting(self) -> bool:
        """Whether part of a line has come."""
        return bool(self._kept) or self._skipping

    def feed(self, data: bytes) -> list[str]:
        """Take bytes; give the lines that end in them. Empty lines are none."""
        for delimiter in self._framing.delimiters[1:]:
            data = data.replace(delimiter, self._framing.delimiters[0])
        *ended, rest = data.split(self._framing.delimiters[0])
        lines = []
        for part in ended:
            self._keep(part)
            lines.append(self._take())
        self._keep(rest)
        return [line for line in lines if line]

    def pause(self) -> list[str]:
        """Nothing came for ``idle_ms``: what has come is a line, where pauses end lines."""
        line = self._take() if self._framing.idle_ms else ""
        return [line] if line else []

    def _keep(self, data: bytes) -> None:
        if len(self._kept) + len(data) > self._framing.max_length:
            self._skipping = True
            self._kept.clear()
        if not self._skipping:
            self._kept += data

    def _take(self) -> str:
        line = "" if self._skipping else _readable(bytes(self._kept), self._framing.charset)
        self._kept.clear()
        self._skipping = False
        return line


def _readable(data: bytes, charset: str) -> str:
    """Return the text, or nothing where a byte is no printable character of the charset."""
    try:
        text = data.decode(charset).strip(" \t\0\x02\x03")
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


class Repeats:
    """A card that lies on the reader is one tap, however often the reader says it."""

    def __init__(self, dedupe_ms: int) -> None:
        self._seconds = dedupe_ms / 1000
        self._last = ""
        self._at = float("-inf")

    def is_repeat(self, card: str, now: float) -> bool:
        is_repeat = card == self._last and now - self._at < self._seconds
        self._last, self._at = card, now
        return is_repeat


class Flood:
    """No hand taps that fast: a bucket of ten, refilled five times a second."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at: float | None = None

    def is_too_much(self, now: float) -> bool:
        passed = 0.0 if self._at is None else max(now - self._at, 0.0)
        self._at = now
        self._left = min(self._left + passed * self._per_second, float(self._burst))
        if self._left < 1:
            return True
        self._left -= 1
        return False
