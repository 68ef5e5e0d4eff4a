from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from control_plane.domains.schemas import DomainView, HostName
from control_plane.schemas import Body, Name, View
from control_plane.users.schemas import NewOwner


class NewVendor(Body):
    """A vendor under another one, and what it needs so that somebody can go on from there."""

    name: Name
    domain: HostName | None = None
    owner: NewOwner | None = None
    set_up_key: bool = False  # for a program that furnishes it: an owner's key for one day


class VendorChanges(Body):
    name: Name | None = None


class VendorView(View):
    id: str
    parent_id: str | None
    name: str
    created_at: datetime
    version: int


class OpenedVendorView(VendorView):
    """A new vendor, with what is shown this once."""

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"owner_link", "key"})

    domain: DomainView | None = None
    owner_id: str | None = None
    owner_link: str | None = None
    key: str | None = None
