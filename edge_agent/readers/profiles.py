"""From a card reader's profile to the way its lines are read."""

from __future__ import annotations

from edge_agent.readers.lines import Framing
from edge_agent.readers.network import LineFormat
from shared.profiles import card_reader_profile


def line_format_of(name: str) -> LineFormat:
    """Read lines as the profile of this name says.

    Raises:
        ProfileError: There is none, or it cannot be used; the health page shows it.
    """
    profile = card_reader_profile(name)
    return LineFormat(
        framing=Framing(profile.delimiters, profile.idle_ms, profile.max_length, profile.charset),
        dedupe_ms=profile.dedupe_ms,
        transform=lambda line: profile.read(line).hex,
    )
