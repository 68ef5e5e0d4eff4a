from __future__ import annotations

from datetime import datetime
from typing import Annotated

from control_plane.schemas import Body, Identifier, View
from shared.ids import PrinterId, ReaderId


class NewTerminalCode(Body):
    printer_id: Annotated[PrinterId, Identifier]
    reader_id: Annotated[ReaderId, Identifier] | None = None


class TerminalView(View):
    id: str
    name: str
    printer_id: str
    reader_id: str | None
    gateway_id: str
    paired_at: datetime
    revoked_at: datetime | None
