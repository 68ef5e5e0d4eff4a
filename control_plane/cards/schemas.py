from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from control_plane.schemas import Body, Identifier, View
from shared.ids import UserId


class NewCard(Body):
    user_id: Annotated[UserId, Identifier]
    number: Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=128)]


class CardView(View):
    id: str
    user_id: str
    last4: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_printer_id: str | None
    enrolled_printer_id: str | None


class CardKeyView(View):
    version: int
    cards: int  # in use, hashed with it
