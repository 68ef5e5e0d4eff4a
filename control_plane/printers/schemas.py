from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from control_plane.printers.addresses import check_uri
from control_plane.schemas import Body, Identifier, Name, View, Words
from shared.i18n import mark
from shared.ids import GatewayId, SiteId


def _a_profile(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*", text):
        raise ValueError(mark("must be make/model, such as generic/ipp-everywhere"))
    return text


PrinterUri = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(check_uri)]
Profile = Annotated[str, StringConstraints(max_length=100), AfterValidator(_a_profile)]


class NewPrinter(Body):
    name: Name
    uri: PrinterUri
    site_id: Annotated[SiteId, Identifier] | None = None
    profile: Profile = "generic/ipp-everywhere"
    location: Words = ""
    gateway_id: Annotated[GatewayId, Identifier] | None = None
    enabled: bool = True


class PrinterChanges(Body):
    name: Name | None = None
    uri: PrinterUri | None = None
    site_id: Annotated[SiteId, Identifier] | None = None
    profile: Profile | None = None
    location: Words | None = None
    gateway_id: Annotated[GatewayId, Identifier] | None = None
    enabled: bool | None = None


class PrinterView(View):
    id: str
    name: str
    uri: str
    site_id: str | None
    profile: str
    location: str
    gateway_id: str | None
    enabled: bool
    version: int
