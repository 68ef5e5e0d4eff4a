"""Who does something, for the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a program or a part of the house."""

    kind: str  # user | api-key | cli | gateway | system
    id: str | None = None
    name: str = ""
    source: str = ""  # address or device


SYSTEM: Final = Actor("system", name="Spoolhouse")
