"""Which addresses a printer may have: an allow list, since gateways connect to them.

Whether a network is allowed is decided by the gateway, which resolves the name; here stands what
is never a printer's address.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from shared.i18n import mark

SCHEMES: Final = ("ipp", "ipps", "socket", "lpd")
_MAX_URI: Final = 1023  # RFC 8011 section 5.1.6
_HOST_NAME: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def check_uri(uri: str) -> str:
    """Check the address of a printer.

    Raises:
        ValueError: It cannot be one; the text says why.
    """
    if len(uri) > _MAX_URI or not uri.isascii() or not uri.isprintable() or " " in uri:
        raise ValueError(mark("must be a plain address without spaces"))
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES:
        raise ValueError(mark("must begin with ipp://, ipps://, socket:// or lpd://"))
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError(mark("must not contain a user name or password"))
    if parts.query or parts.fragment:
        raise ValueError(mark("must not contain ? or #"))
    _check_host(parts.hostname or "")
    _ = parts.port  # Raises ValueError where it is no port.
    return uri


def _check_host(host: str) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # Digits and dots that are no address (decimal, octal, short forms) mean an address to
        # some resolvers; a name has a letter.
        if not _HOST_NAME.fullmatch(host) or re.fullmatch(r"[\d.]+|0x[\da-f.x]+", host):
            raise ValueError(mark("must name a host")) from None
        return
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise ValueError(mark("must not be an IPv4 address written as IPv6"))
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise ValueError(mark("must be the address of one device"))
