"""What every part of the gateway is to ``agent.py``: it starts, stops and tells how it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Health:
    """How a service is; ``says`` is a sentence for a person."""

    ok: bool
    says: str
    figures: dict[str, int | str] = field(default_factory=dict)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)  # its own, by id: plain values


class Service(Protocol):
    """One service of a gateway, switched on by configuration from the primary."""

    name: str

    async def start(self) -> None:
        """Begin; returns when it can be used. Raises what the administrator should read."""
        ...

    async def stop(self) -> None:
        """End within five seconds; leaves nothing half done. Safe to call twice."""
        ...

    def health(self) -> Health: ...
