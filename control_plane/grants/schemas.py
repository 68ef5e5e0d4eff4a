from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from control_plane.schemas import Body, Identifier, Name, View
from control_plane.security.permissions import Permission
from shared.ids import UserId


class NewGrant(Body):
    """An account lets its vendor's staff in, for a time."""

    permissions: tuple[Permission, ...]
    hours: Annotated[int, Field(ge=1, le=24 * 366)]
    reason: Name
    user_id: Annotated[UserId, Identifier] | None = None


class GrantView(View):
    id: str
    vendor_id: str
    user_id: str | None
    permissions: list[str]
    reason: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
