from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from control_plane.schemas import Body, Identifier, Name, Port, View
from shared.ids import AccountId, SiteId

ServiceName = Literal[
    "ipp",
    "storage",
    "authentication",
    "document-output",
    "terminal-client",
    "card-readers",
    "health",
    "lpd",
    "raw",
    "api",
]
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,253}$", strip_whitespace=True)]

# What goes to gateways is signed: only what is written one way on the wire, and not too deep.
Plain = (
    Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
    | Annotated[str, StringConstraints(max_length=2000)]
    | None
)
Option = Plain | Annotated[list[Plain], Field(max_length=1000)] | dict[str, Plain]


class Service(Body):
    """One service that a gateway runs, and where it listens."""

    enabled: bool = True
    host: Host = "127.0.0.1"
    port: Port | None = None
    options: Annotated[dict[str, Option], Field(max_length=100)] = Field(default_factory=dict)


DEFAULT_SERVICES: Final[Mapping[ServiceName, Service]] = {
    "ipp": Service(port=8631),
    "storage": Service(),
    "authentication": Service(),
    "document-output": Service(),
    "card-readers": Service(),
    "terminal-client": Service(port=8632),
    "health": Service(port=8633),
}


class NewGateway(Body):
    name: Name
    site_id: Annotated[SiteId, Identifier] | None = None
    services: dict[ServiceName, Service] = Field(default_factory=lambda: dict(DEFAULT_SERVICES))
    trusted_hosts: tuple[Host, ...] = ()


class GatewayChanges(Body):
    name: Name | None = None
    site_id: Annotated[SiteId, Identifier] | None = None
    services: dict[ServiceName, Service] | None = None
    trusted_hosts: tuple[Host, ...] | None = None


class ServeAccount(Body):
    account_id: Annotated[AccountId, Identifier]


class GatewayView(View):
    id: str
    tenant: str
    name: str
    site_id: str | None
    services: dict[str, Any]
    trusted_hosts: list[str]
    enrolled_at: datetime | None
    revoked_at: datetime | None
    version: int


class GatewayStateView(View):
    """How it is, as of ``last_seen_at``."""

    presence: str
    presence_at: datetime | None
    last_seen_at: datetime | None
    received: dict[str, Any]
    running: dict[str, Any]
    health: dict[str, Any]
