from __future__ import annotations

from datetime import datetime

from control_plane.schemas import Body, Name, View


class NewVendor(Body):
    name: Name


class VendorChanges(Body):
    name: Name | None = None


class VendorView(View):
    id: str
    parent_id: str | None
    name: str
    created_at: datetime
    version: int
