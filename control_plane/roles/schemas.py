from __future__ import annotations

from control_plane.schemas import Body, Name, View
from control_plane.security.permissions import Permission


class NewRole(Body):
    name: Name
    permissions: tuple[Permission, ...]


class RoleChanges(Body):
    name: Name | None = None
    permissions: tuple[Permission, ...] | None = None


class RoleView(View):
    id: str
    name: str
    built_in: str | None
    permissions: list[str]
    version: int
