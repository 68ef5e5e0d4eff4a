from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator

from control_plane.domains.names import canonical_host
from control_plane.schemas import Body, Color, View, Words

HostName = Annotated[str, AfterValidator(canonical_host)]


class NewDomain(Body):
    name: HostName
    brand_name: Words = ""
    brand_color: Color | None = None


class DomainChanges(Body):
    brand_name: Words | None = None
    brand_color: Color | Literal[""] | None = None
    brand_side_color: Color | Literal[""] | None = None


class DomainView(View):
    id: str
    name: str
    verified_at: datetime | None
    verified_by: str | None
    challenge: str
    brand_name: str
    brand_color: str
    brand_side_color: str
    version: int
