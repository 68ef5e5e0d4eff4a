"""CardReader: what the gateway asks of every kind of card reader (network, later HID, PC/SC)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from edge_agent.service import Health


@dataclass(frozen=True, slots=True)
class CardRead:
    """A card was tapped. ``number`` is what the profile's transform made of the reader's line."""

    number: str
    read_at: float  # Clock.monotonic() when the end of the line arrived


class CardReader(Protocol):
    """One card reader, for as long as it is configured."""

    def cards(self) -> AsyncIterator[CardRead]:
        """Cards as they are tapped; goes on through every trouble until it is closed."""
        ...

    def health(self) -> Health: ...
