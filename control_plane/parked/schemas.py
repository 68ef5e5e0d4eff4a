from __future__ import annotations

from datetime import datetime
from typing import Any

from control_plane.schemas import Body, Name, View


class ParkedEntity(Body):
    """The thing whose rows are meant, as the list of parked things names it."""

    entity: Name


class ChosenBox(Body):
    """The start of the box that stays, as the list of boxes names it."""

    boot_id: Name


class ParkedView(View):
    entity: str
    kind: str
    reason: str
    rows: int
    parked_at: datetime


class TriedView(View):
    applied: int
    left: int
    reason: str


class GivenUpView(View):
    rows: int


class BoxView(View):
    """One box that was heard under the gateway's identity; ``said`` is what it said of itself."""

    boot_id: str
    seen_at: datetime
    said: dict[str, Any]


class HaltView(View):
    is_parked: bool
    reason: str
    since: datetime | None
    boxes: list[BoxView]
