from __future__ import annotations

from control_plane.schemas import Body, Name, Network, View


class NewSite(Body):
    name: Name
    networks: tuple[Network, ...] = ()


class SiteChanges(Body):
    name: Name | None = None
    networks: tuple[Network, ...] | None = None


class SiteView(View):
    id: str
    name: str
    networks: list[str]
    version: int
