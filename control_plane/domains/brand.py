"""How a domain's pages look: colours that can be read, and a logo that is a picture and no more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

from control_plane.audit.actor import Actor
from control_plane.domains import repository
from control_plane.domains import service as domains
from control_plane.domains.models import Domain, DomainLogo
from control_plane.errors import InvalidError
from control_plane.tenants import Tenant

MAX_BYTES: Final = 256 * 1024
_COLOR: Final = re.compile(r"#[0-9a-f]{6}")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_LIGHT: Final = "#ffffff"
_DARK: Final = "#10201e"
_LINEAR_BELOW: Final = 0.04045


def set_logo(session: Session, tenant: Tenant, domain_id: str, data: bytes, by: Actor) -> Domain:
    """Give a domain its logo; what it is, its first bytes say, and nobody else.

    Raises:
        InvalidError: It is too large, or no PNG, JPEG or WebP.
    """
    domain = domains.get_domain(session, tenant, domain_id)
    if len(data) > MAX_BYTES:
        raise InvalidError("logo", "the picture is larger than 256 KB")
    media_type = media_type_of(data)
    if media_type is None:
        raise InvalidError("logo", "this is no PNG, JPEG or WebP picture")
    session.merge(DomainLogo(domain_id=domain.id, media_type=media_type, data=data))
    domain.logo_stamp = hashlib.sha256(data).hexdigest()[:16]
    session.flush()
    domains.record(session, tenant, domain, "domain.changed", by)
    return domain


def remove_logo(session: Session, tenant: Tenant, domain_id: str, by: Actor) -> Domain:
    domain = domains.get_domain(session, tenant, domain_id)
    if logo := repository.find_logo(session, domain.id):
        session.delete(logo)
        domain.logo_stamp = ""
        session.flush()
        domains.record(session, tenant, domain, "domain.changed", by)
    return domain


def media_type_of(data: bytes) -> str | None:
    """Name the kinds of picture that browsers draw without running anything."""
    if data.startswith(_PNG):
        return "image/png"
    if data.startswith(_JPEG):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def style(domain: Domain) -> str:
    """Write the sheet of a brand; nothing but checked #rrggbb gets into it."""
    return "".join((*_main_rule(domain.brand_color), *_side_rules(domain.brand_side_color)))


def preview_style(domain: Domain) -> str:
    """The same colours, for the small picture of the door on the domain's own page."""
    color = domain.brand_color
    if not _COLOR.fullmatch(color):
        return ""
    letters = max((_LIGHT, _DARK), key=lambda other: contrast(color, other))
    return f".door-small .act{{background:{color};color:{letters};}}"


def _main_rule(color: str) -> list[str]:
    if not _COLOR.fullmatch(color):
        return []
    rgb = ", ".join(str(part) for part in _parts(color))
    letters = max((_LIGHT, _DARK), key=lambda other: contrast(color, other))
    values: Mapping[str, str] = {"": color, "-rgb": rgb, "-fg": letters}
    said = "".join(f"--tblr-primary{name}:{value};" for name, value in values.items())
    # Twice as specific as the house's own sheet, in the light and in the dark.
    return [f":root[data-bs-theme]{{{said}}}"]


def _side_rules(color: str) -> list[str]:
    if not _COLOR.fullmatch(color):
        return []
    letters = max((_LIGHT, _DARK), key=lambda other: contrast(color, other))
    shade = "rgb(255 255 255 / 14%)" if letters == _LIGHT else "rgb(0 0 0 / 8%)"
    written = ("a", "h2", "summary", ".whose", ".whose small")
    raised = ("a:hover", "a[aria-current]", ".whose")
    return [
        f".frame .side{{background:{color};}}",
        f".frame .side .house svg{{color:{letters} !important;}}",
        *(f".frame .side {part}{{color:{letters};}}" for part in written),
        *(f".frame .side {part}{{background:{shade};}}" for part in raised),
    ]


def contrast(one: str, other: str) -> float:
    """How well one colour is read on another (WCAG 2.2, contrast ratio)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_BELOW else ((part + 0.055) / 1.055) ** 2.4


def _parts(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
