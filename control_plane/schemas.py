"""The shapes that bodies have in common: strict, trimmed, without control characters."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zoneinfo
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.i18n import mark
from shared.ids import is_id

_SHORT_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
_COLOR: Final = r"^#[0-9a-f]{6}$"


class Body(BaseModel):
    """What somebody sends: what is not known is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What somebody is shown; fields in ``SHOWN_ONCE`` are kept nowhere, also for no repeat."""

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset()
    model_config = ConfigDict(from_attributes=True)


def _no_controls(text: str) -> str:
    if any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} for c in text):
        raise ValueError(mark("must not contain control characters"))
    if re.search("[\u202a-\u202e\u2066-\u2069]", text):
        raise ValueError(mark("must not turn the direction of writing"))
    return text


def _an_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(mark("must be an identifier"))
    return text


def _a_network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _an_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _a_time_zone(text: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise ValueError(mark("must be a time zone such as Europe/Berlin"))
    return text


Words = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_no_controls)
]
Name = Annotated[Words, Field(min_length=1)]
ShortName = Annotated[str, StringConstraints(pattern=_SHORT_NAME)]
Identifier = Annotated[str, AfterValidator(_an_id)]
Network = Annotated[str, AfterValidator(_a_network)]
Address = Annotated[str, AfterValidator(_an_address)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_a_time_zone)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Color = Annotated[str, StringConstraints(pattern=_COLOR)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[int, Field(ge=60, le=366 * 86_400)]
Ticket = dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")], Any]
