"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What it is, how it is, and what helps where it is not well."""

    what: str
    ok: bool
    says: str
    cure: str = ""


def well(what: str, says: str) -> Finding:
    return Finding(what, ok=True, says=says)


def ill(what: str, says: str, cure: str) -> Finding:
    return Finding(what, ok=False, says=says, cure=cure)
