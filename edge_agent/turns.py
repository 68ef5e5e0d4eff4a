"""Tells of very many things some at a time: each heartbeat takes the next ones, by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.messages import codec

MOST: Final = 200  # things in one heartbeat
MOST_BYTES: Final = 128 * 1024  # of them: a reader takes 512 KiB of a whole heartbeat

Things = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Turn:
    """Some things, and the range of ids that they speak of; None: these are all."""

    things: dict[str, Mapping[str, Any]]
    span: Mapping[str, str] | None = None


class Turns:
    """Whose turn it is among the things of one kind."""

    def __init__(self) -> None:
        self._after = ""

    def take(self, things: Things) -> Turn:
        """Take all where they fit, else those that come after what was taken the last time."""
        first = _as_many_as_fit(things, "")
        if len(first) == len(things):
            self._after = ""
            return Turn(first)
        some = _as_many_as_fit(things, self._after)
        after, last = self._after, max(some, default="")
        self._after = last if any(thing_id > last for thing_id in things) and last else ""
        return Turn(some, {"after": after, "upto": self._after})


def _as_many_as_fit(things: Things, after: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    size = 0
    for thing_id in sorted(thing_id for thing_id in things if thing_id > after):
        size += len(codec.dumps(things[thing_id])) + len(thing_id)
        if len(found) == MOST or (found and size > MOST_BYTES):
            break
        found[thing_id] = things[thing_id]
    return found
