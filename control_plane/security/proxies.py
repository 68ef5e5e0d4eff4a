"""Proxies in front of us: what they say of the caller is believed from listed networks alone.

A load balancer that ends TLS, or passes it on, tells with ``X-Forwarded-For``, ``-Proto`` and
``-Host`` who came, how and to which name. From anybody else those words are a stranger's and are
thrown away before anything reads them; so is ``Forwarded``, which no rule here uses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FOR: Final = "HTTP_X_FORWARDED_FOR"
_PROTO: Final = "HTTP_X_FORWARDED_PROTO"
_HOST: Final = "HTTP_X_FORWARDED_HOST"
_NEVER: Final = (
    "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_HOST", "HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL",
)  # fmt: skip
_PLAIN: Final = b'{"type": "about:blank", "title": "only over HTTPS", "status": 403}'


def middleware(app: Wsgi, networks: Sequence[str]) -> Wsgi:
    """Put the caller that a trusted proxy names into the request, and drop all such words else."""
    trusted = [ipaddress.ip_network(network) for network in networks]

    def served(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said = {name: environ.pop(name, "") for name in (_FOR, _PROTO, _HOST)}
        for name in _NEVER:
            environ.pop(name, None)
        peer = read_address(environ.get("REMOTE_ADDR", ""))
        if peer is None or not is_in(peer, trusted):
            return app(environ, start_response)
        if _last(said[_PROTO]).lower() not in {"", "https"}:
            # A password or a key that crossed the network in the clear is worth nothing here.
            start_response("403 Forbidden", [("Content-Type", "application/problem+json")])
            return [_PLAIN]
        environ["REMOTE_ADDR"] = str(caller_of(said[_FOR], peer, trusted))
        if host := _last(said[_HOST]):
            environ["HTTP_HOST"] = host
        return app(environ, start_response)

    return served


def caller_of(forwarded: str, peer: Address, trusted: Sequence[Network]) -> Address:
    """Find who came: from the nearest proxy outwards, the first that is no trusted proxy.

    What stands further left was said by that caller, and may be invented.
    """
    found = peer
    for word in reversed(forwarded.split(",")) if forwarded else ():
        named = read_address(word.strip())
        if named is None:
            break
        found = named
        if not is_in(found, trusted):
            break
    return found


def read_address(text: str) -> Address | None:
    """Read an address, with or without port and brackets; None where it is none."""
    bare = text.partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _last(words: str) -> str:
    """What the nearest proxy said, where several did."""
    return words.rpartition(",")[2].strip()
