"""Who may talk to a local page at all: host names, origins, forms, bodies. Deny first.

A page elsewhere must not reach the gateway through a visitor's browser (DNS rebinding, forged
requests): only names that are ours, only JSON that our own page sends.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from shared.i18n import gettext as _
from shared.i18n import reading_as

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY: Final = 16 * 1024
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def is_our_host(host: str | None, names: Collection[str]) -> bool:
    """Whether a ``Host`` header names this machine: an address, localhost, or a listed name."""
    if not host:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if urlsplit(f"//{host}").port == 0:
            return False
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        name = name.rstrip(".").lower()
        return name == "localhost" or name in {n.lower() for n in names}
    return True


def is_our_origin(request: web.Request) -> bool:
    """Whether a change comes from our own page; a program that is no browser sends no origin."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    return origin == f"{request.scheme}://{request.host}"


def guard(names: Callable[[], Collection[str]]) -> Any:
    """Make the middleware that every local page has."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_our_host(request.headers.get("Host"), names()):
            return _refusal(421, "This is not the address of this page.")
        if request.method not in ("GET", "HEAD"):
            if request.headers.get("X-Terminal") != "1" or not is_our_origin(request):
                return _refusal(403, "This request does not come from the terminal's own page.")
            if request.content_type != "application/json":
                return _refusal(403, "This request is no JSON.")
        try:
            with reading_as(_language(request)):
                response = await handler(request)
        except web.HTTPException as error:
            if error.status < 400:  # noqa: PLR2004
                raise
            response = _refusal(error.status, error.reason)
        except OSError as error:
            log.warning("%s %s: %s", request.method, request.path, error)
            response = _refusal(503, _("This does not work right now. Please try again."))
        if not response.prepared:
            response.headers.update({k: v for k, v in HEADERS.items() if k not in response.headers})
        return response

    return guarded


async def read_json(request: web.Request) -> dict[str, Any]:
    """Read a small JSON object.

    Raises:
        web.HTTPBadRequest: It is none.
    """
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(reason="The request cannot be read.") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(reason="The request cannot be read.")
    return body


def text_in(body: dict[str, Any], name: str, longest: int) -> str:
    """Take a text from a JSON object.

    Raises:
        web.HTTPBadRequest: Missing, no text, or too long.
    """
    value = body.get(name)
    # Half a surrogate pair, which JSON can carry, is no text.
    if not isinstance(value, str) or len(value) > longest or not _is_text(value):
        raise web.HTTPBadRequest(reason=f"{name} is missing or too long.")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _language(request: web.Request) -> str:
    return request.headers.get("Accept-Language", "")[:35].partition(",")[0]


def _refusal(status: int, says: str) -> web.Response:
    return web.json_response({"message": says}, status=status, headers=HEADERS)
