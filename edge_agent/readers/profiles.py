"""From a card reader's profile to the way its lines are read."""

from __future__ import annotations

from edge_agent.readers.network import LineFormat
from shared import cards

DEDUPE_MS = 1500


def line_format_of(_profile: str) -> LineFormat:
    return LineFormat(dedupe_ms=DEDUPE_MS, transform=lambda line: cards.canonical(line).hex)
