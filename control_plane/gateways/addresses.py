"""Where the doors of a gateway are: host and port of its services, as a person types them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from control_plane.gateways.models import Gateway

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
UNKNOWN: Final = "gateway-address"


def door(gateway: Gateway, service: str) -> Mapping[str, Any] | None:
    """What is set for a service; None where the gateway does not run it."""
    found: Mapping[str, Any] | None = gateway.services.get(service)
    return found if found is not None and found.get("enabled", True) else None


def host_of(gateway: Gateway, setting: Mapping[str, Any], unknown: str = UNKNOWN) -> str:
    """The name or address to call; that of everywhere is no address: then the first known name."""
    host = str(setting.get("host", ""))
    if host in _EVERYWHERE:
        host = gateway.trusted_hosts[0] if gateway.trusted_hosts else unknown
    return f"[{host}]" if ":" in host else host
