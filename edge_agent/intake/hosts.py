"""Which host names a listener answers to (DNS rebinding: everything else is 421)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache


def split_authority(authority: str) -> tuple[str, int | None] | None:
    """Split a Host field into name and port: ``[::1]:631``, ``box.local:8631``, ``10.0.0.1``.

    None where it is none.
    """
    if authority.startswith("["):
        name, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    else:
        name, _, port = authority.partition(":")
    if not name or (port and not (port.isascii() and port.isdigit() and int(port) < 1 << 16)):
        return None
    return name.lower().rstrip("."), int(port) if port else None


def write_authority(host: str, port: int) -> str:
    """Write host and port as a URI has them; the zone of an IPv6 address stays at home."""
    host = host.partition("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether an address of a socket is this machine's own loopback."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


class TrustedHosts:
    """The names that the administrator listed, localhost, and the address connected to."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {"localhost", *(name.lower().rstrip(".") for name in names)}

    def trusts(self, name: str, local_address: str) -> bool:
        """Whether a request for ``name`` may be answered on a socket of ``local_address``.

        An address literal must be the one that the client has connected to: a page of a
        stranger's domain cannot make a browser send it.
        """
        if name in self._names:
            return True
        try:
            wanted = ipaddress.ip_address(name.partition("%")[0])
            local = ipaddress.ip_address(local_address.partition("%")[0])
        except ValueError:
            return False
        return _plain(wanted) == _plain(local)


def _plain(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address
