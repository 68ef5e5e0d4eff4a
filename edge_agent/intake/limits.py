"""How much a client may ask of intake before it is cut off (all hostile until shown otherwise)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Limits of one listener."""

    connections: int = 1000
    connections_per_source: int = 200
    header_seconds: float = 10.0  # first byte, TLS handshake, HTTP header, IPP attributes
    idle_seconds: float = 60.0  # between two requests, and between two pieces of a document
    slow_after_seconds: float = 30.0  # from here on a document must keep min_bytes_per_second
    min_bytes_per_second: int = 1024
    write_seconds: float = 30.0  # for the answer to be taken
    attribute_bytes: int = 1 << 18  # a client's requests have some 1 or 2 KiB
    expanded_ratio: int = 1000  # deflate cannot do better than 1032
    expanded_bytes: int = 4 << 30  # of one compressed document

    def is_too_slow(self, elapsed_seconds: float, received: int) -> bool:
        """Whether a document comes so slowly that its sender only means to keep us busy."""
        late = elapsed_seconds - self.slow_after_seconds
        return late > 0 and received < late * self.min_bytes_per_second
