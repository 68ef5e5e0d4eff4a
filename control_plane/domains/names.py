"""The one form of a host name: lower case, punycode, without a trailing dot."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from shared.i18n import mark

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_MAX_NAME: Final = 253


def canonical_host(text: str) -> str:
    """Put a host name into its one form.

    Raises:
        ValueError: It is none, or an address.
    """
    try:
        name = text.strip().removesuffix(".").lower().encode("idna").decode()
    except UnicodeError:
        raise ValueError(mark("must be a host name")) from None
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(part) for part in name.split(".")):
        raise ValueError(mark("must be a host name"))
    if name.rpartition(".")[2].isdecimal():
        raise ValueError(mark("must be a host name, not an address"))
    return name


def split_host(header: str) -> str | None:
    """The host of a Host header, canonical, without its port; None where it is not one.

    Anything odd is nothing: two ports, user names, paths, spaces, a trailing dot, capitals that
    need folding beyond ASCII.
    """
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", header)
    if match is None:
        return None
    host = match[1].lower()
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return None
    return None if host.endswith(".") else host
