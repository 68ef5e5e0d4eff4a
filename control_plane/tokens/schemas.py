from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from control_plane.schemas import Body, Identifier, Name, View
from shared.ids import QueueId, UserId


class NewPrintToken(Body):
    user_id: Annotated[UserId, Identifier]
    name: Name
    queue_id: Annotated[QueueId, Identifier] | None = None
    days: Annotated[int, Field(ge=1, le=3660)] | None = None  # None: until it is revoked


class PrintTokenView(View):
    id: str
    user_id: str
    name: str
    queue_id: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class PrintTokenAddress(View):
    """Where a client prints to; whoever has the address prints as the person."""

    gateway: str
    queue: str
    uri: str


class NewPrintTokenView(PrintTokenView):
    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"token", "addresses"})

    token: str
    addresses: list[PrintTokenAddress]
