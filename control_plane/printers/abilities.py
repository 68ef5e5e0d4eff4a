"""What a printer can do, as its profile tells: a gateway asks printers how they are, not this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.i18n import gettext, mark
from shared.profiles import PrinterProfile, printer_profile
from shared.toml_tables import ProfileError

_ = gettext
_FORMATS: Final[Mapping[str, str]] = {
    "application/pdf": "PDF",
    "application/postscript": "PostScript",
    "application/vnd.hp-pcl": "PCL 5",
    "application/vnd.hp-pclxl": "PCL XL",
    "image/jpeg": "JPEG",
    "image/pwg-raster": "PWG raster",
    "image/urf": "Apple raster",
    "text/plain": mark("plain text"),
}
_WAYS: Final[Mapping[str, str]] = {
    "ipp": "IPP",
    "ipps": mark("IPP over TLS"),
    "raw": mark("raw printing"),
    "lpr": "LPD",
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """Lines of what a model can do, and what its profile is called."""

    profile: str
    lines: tuple[tuple[str, str], ...]


def abilities(profile: str) -> Abilities | None:
    """Say what a profile knows of its printers; None: this release does not have it."""
    try:
        known = printer_profile(profile)
    except ProfileError:
        return None
    return Abilities(known.origin.title, _lines(known))


def _lines(known: PrinterProfile) -> tuple[tuple[str, str], ...]:
    formats = [_(_FORMATS[name]) if name in _FORMATS else name for name in known.formats]
    ways = dict.fromkeys(_(_WAYS[delivery.via]) for delivery in known.deliveries)
    return (
        (_("Colour"), _("yes") if known.color else _("no, black only")),
        (_("Both sides"), _("yes") if known.duplex else _("no, one side only")),
        (_("Takes"), ", ".join(formats) or _("not told")),
        (_("Reached by"), ", ".join(ways)),
    )
