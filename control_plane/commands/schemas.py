from __future__ import annotations

from datetime import datetime
from typing import Any

from control_plane.schemas import View


class CommandView(View):
    """What was asked of a gateway, and how far it is; final states end with its own report."""

    id: str
    gateway_id: str
    kind: str
    state: str
    message: str
    result: dict[str, Any]
    issued_at: datetime
    expires_at: datetime
    changed_at: datetime
