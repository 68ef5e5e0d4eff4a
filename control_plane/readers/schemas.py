from __future__ import annotations

from typing import Annotated

from control_plane.printers.schemas import Profile
from control_plane.schemas import Address, Body, Identifier, Name, Port, View
from shared.ids import GatewayId, PrinterId
from shared.messages.records import ReaderMode, ReaderRole


class NewReader(Body):
    name: Name
    gateway_id: Annotated[GatewayId, Identifier]
    printer_id: Annotated[PrinterId, Identifier]
    mode: ReaderMode = ReaderMode.PRINT_ALL
    role: ReaderRole = ReaderRole.CLIENT
    address: Address
    port: Port
    profile: Profile = "generic/tcp-line"


class ReaderChanges(Body):
    name: Name | None = None
    gateway_id: Annotated[GatewayId, Identifier] | None = None
    printer_id: Annotated[PrinterId, Identifier] | None = None
    mode: ReaderMode | None = None
    role: ReaderRole | None = None
    address: Address | None = None
    port: Port | None = None
    profile: Profile | None = None


class ReaderView(View):
    id: str
    name: str
    gateway_id: str
    printer_id: str
    mode: str
    role: str
    address: str
    port: int
    profile: str
    version: int
