"""What the IPP listener answers to everything that is not IPP: a page for people, icons, no."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import Final

from aiohttp import hdrs, web

from edge_agent.intake.printer_attributes import ICON_SIZES
from shared.i18n import gettext as _

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
}


def answer(method: str, path: str) -> web.Response:
    """Answer a request that is not a POST."""
    if method == hdrs.METH_OPTIONS:
        return web.Response(status=200, headers={"Allow": "GET, HEAD, OPTIONS, POST"})
    if method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        return _no(405, _("This is a print server; it takes IPP by POST."))
    if path == "/":
        return _page(
            _("Spoolhouse print server"),
            _("Print to the queue that your administrator named. This address has nothing to see."),
        )
    if path == "/supplies":
        return _page(
            _("Supplies"), _("A queue has no supplies of its own; look at the printer itself.")
        )
    size = _icon_size(path)
    if size is not None:
        return web.Response(body=icon(size), content_type="image/png")
    return _no(404, _("There is nothing here."))


def only_ipp() -> web.Response:
    return _no(415, _("This is a print server; it takes application/ipp."))


def misdirected() -> web.Response:
    """Answer a host name that is not ours, without saying what this is."""
    response = web.Response(status=421, text="")
    response.force_close()
    return response


def sign_in(realm: str) -> web.Response:
    """Ask for a name and a password."""
    shown = "".join(c for c in realm if c.isprintable() and c not in '"\\') or "Spoolhouse"
    ascii_only = shown.encode("ascii", "replace").decode()
    return web.Response(
        status=401,
        text=_("Please sign in."),
        headers={hdrs.WWW_AUTHENTICATE: f'Basic realm="{ascii_only}", charset="UTF-8"'},
    )


def _no(status: int, says: str) -> web.Response:
    response = web.Response(status=status, text=says + "\n", headers=_HEADERS)
    response.force_close()
    return response


def _page(title: str, says: str) -> web.Response:
    html = (
        f"<!doctype html><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:16px sans-serif;margin:3em;max-width:40em}</style>"
        f"<h1>{title}</h1><p>{says}</p>\n"
    )
    return web.Response(text=html, content_type="text/html", headers=_HEADERS)


def _icon_size(path: str) -> int | None:
    names = {f"/icons/queue-{size}.png": size for size in ICON_SIZES}
    return names.get(path)


@lru_cache(maxsize=len(ICON_SIZES))
def icon(size: int) -> bytes:
    """Draw a printer with a sheet, as a PNG of 8-bit greys with alpha."""
    rows = bytearray()
    for y in range(size):
        rows.append(0)  # no filter
        for x in range(size):
            rows += _pixel(x * 24 // size, y * 24 // size)
    header = struct.pack(">IIBBBBB", size, size, 8, 4, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


_NOTHING, _INK, _PAPER = b"\0\0", b"\x38\xff", b"\xfa\xff"


def _pixel(x: int, y: int) -> bytes:
    """One of 24 by 24 squares."""
    if 6 <= x <= 17 and (2 <= y <= 8 or 14 <= y <= 21):  # noqa: PLR2004
        edge = x in (6, 17) or y in (2, 21)
        return _INK if edge else _PAPER
    if 2 <= x <= 21 and 8 <= y <= 17:  # noqa: PLR2004
        return _INK
    return _NOTHING


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
