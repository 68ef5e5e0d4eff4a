"""What a route needs: ``@requires(...)`` on it, or a line in ``public_routes.txt``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from control_plane.security.permissions import Permission

F = TypeVar("F", bound=Callable[..., Any])
_NEEDS: Final = "__spoolhouse_needs__"
_FILE: Final = Path(__file__).with_name("public_routes.txt")


def requires(*permissions: Permission) -> Callable[[F], F]:
    """Let in who has all of these permissions; without any: whoever is signed in."""

    def mark(view: F) -> F:
        setattr(view, _NEEDS, frozenset(permissions))
        return view

    return mark


def needs_of(view: Callable[..., Any] | None) -> frozenset[Permission] | None:
    """What a view asks for; None: it does not say, and is not served."""
    return getattr(view, _NEEDS, None)


@cache
def public_routes() -> dict[str, str]:
    """The checked-in list: endpoint to kind, ``page`` or ``machine``.

    A page is for browsers: its changes need the Origin of the very same host. A machine has no
    ambient credential, so nobody's browser can be used to act for it.
    """
    found = {}
    for line in _FILE.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            endpoint, kind = words
            found[endpoint] = kind
    return found
