"""What the address of a list asks for: a search, an order, and where its next page begins."""

from __future__ import annotations

from typing import TypedDict

from flask import request

from control_plane.paging import DEFAULT_LIMIT


class Asked(TypedDict):
    """As the services' lists take it."""

    text: str | None
    order: str
    cursor: str | None
    limit: int


def asked_for(cursor: str | None, limit: int = DEFAULT_LIMIT) -> Asked:
    """Read it from the address; ``cursor`` is the page's own, or how far an export is."""
    return {
        "text": request.args.get("q") or None,
        "order": request.args.get("order", ""),
        "cursor": cursor or None,
        "limit": limit,
    }
