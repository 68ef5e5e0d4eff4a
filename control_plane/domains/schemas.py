from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from control_plane.domains.names import canonical_host
from control_plane.schemas import Body, Color, View, Words

HostName = Annotated[str, AfterValidator(canonical_host)]


class NewDomain(Body):
    name: HostName
    brand_name: Words = ""
    brand_color: Color | None = None


class DomainChanges(Body):
    brand_name: Words | None = None
    brand_color: Color | None = None
    brand_logo_svg: Annotated[str, Field(max_length=50_000)] | None = None


class DomainView(View):
    id: str
    name: str
    verified_at: datetime | None
    verified_by: str | None
    challenge: str
    brand_name: str
    brand_color: str
    version: int
