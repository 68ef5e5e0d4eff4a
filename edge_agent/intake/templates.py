"""Job template attributes: what each may be, for checking and for advertising.

One row per attribute that the path does something with: it is kept with the job and sent on to
the printer at release (or, like ``job-hold-until``, acted on here).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from edge_agent.intake.capabilities import Capabilities
from shared.ipp.message import Attribute
from shared.ipp.values import (
    Collection,
    Enum,
    Integer,
    Keyword,
    Name,
    RangeOfInteger,
    Resolution,
    Value,
)

Check = Callable[[Value], bool]

HOLD_UNTIL: Final = ("no-hold", "indefinite")
DOCUMENT_HANDLING: Final = (
    "separate-documents-uncollated-copies",
    "separate-documents-collated-copies",
)
MEDIA_COL: Final = (
    "media-bottom-margin",
    "media-left-margin",
    "media-right-margin",
    "media-size",
    "media-size-name",
    "media-source",
    "media-top-margin",
    "media-type",
)
_WHERE: Final = ("pages", "document-number", "document-numbers")
OVERRIDES: Final = (
    *_WHERE,
    "media",
    "media-col",
    "orientation-requested",
    "print-color-mode",
    "print-quality",
    "sides",
)
PRINT_SCALING: Final = ("auto", "auto-fit", "fill", "fit", "none")

_MOST_VALUES: Final = 100
_DOTS_PER_INCH: Final = 3
# 1setOf in job creation; everything else has exactly one value.
_SEVERAL: Final = frozenset({"finishings", "overrides", "page-ranges"})
# Acted on here; never sent on to a printer.
OURS: Final = frozenset({"job-hold-until", "job-priority", "job-sheets"})
SENT_ON: Final = frozenset(
    {
        "copies",
        "finishings",
        "media",
        "media-col",
        "multiple-document-handling",
        "number-up",
        "orientation-requested",
        "output-bin",
        "overrides",
        "page-ranges",
        "print-color-mode",
        "print-content-optimize",
        "print-quality",
        "print-rendering-intent",
        "print-scaling",
        "printer-resolution",
        "sides",
    }
)

SETTABLE: Final = ("job-name", "job-hold-until", *sorted(SENT_ON))  # Set-Job-Attributes


@lru_cache(maxsize=64)
def checks(capabilities: Capabilities) -> Mapping[str, Check]:
    """For every job template attribute that we know, whether a value of it can be done."""
    known: dict[str, Check] = {
        "copies": lambda v: isinstance(v, Integer) and 1 <= v.value <= capabilities.copies,
        "finishings": _number_in(capabilities.finishings),
        "job-hold-until": _word_in(HOLD_UNTIL),
        "job-priority": lambda v: isinstance(v, Integer) and 1 <= v.value <= 100,  # noqa: PLR2004
        "job-sheets": _word_in(capabilities.job_sheets),
        "media": _word_in(capabilities.media_names),
        "media-col": _media_col(capabilities),
        "multiple-document-handling": _word_in(DOCUMENT_HANDLING),
        "number-up": lambda v: isinstance(v, Integer) and v.value in capabilities.number_up,
        "orientation-requested": _number_in(capabilities.orientations),
        "output-bin": _word_in(capabilities.output_bins),
        "page-ranges": lambda v: _is_ascending([v]),
        "print-color-mode": _word_in(capabilities.color_modes),
        "print-content-optimize": _word_in(capabilities.content_optimize),
        "print-quality": _number_in(capabilities.qualities),
        "print-rendering-intent": _word_in(capabilities.rendering_intents),
        "print-scaling": _word_in(PRINT_SCALING),
        "printer-resolution": _resolution(capabilities),
        "sides": _word_in(capabilities.sides),
    }
    return {**known, "overrides": _override(known)}


def can_do(attribute: Attribute, capabilities: Capabilities) -> bool:
    """Whether every value of a known attribute can be done as asked."""
    check = checks(capabilities)[attribute.name]
    if len(attribute.values) > (_MOST_VALUES if attribute.name in _SEVERAL else 1):
        return False
    if attribute.name == "page-ranges" and not _is_ascending(attribute.values):
        return False
    return all(check(value) for value in attribute.values)


def to_plain(attribute: Attribute) -> object:
    """Write a template attribute as a JSON value for the job's ticket: no floats, no bytes."""
    values = [_plain(value) for value in attribute.values]
    return values if attribute.name in _SEVERAL else values[0]


def from_plain(name: str, value: object) -> Attribute | None:
    """Read a queue's default; None where it is no value of that attribute."""
    make: Callable[[object], Value] | None = _MAKE.get(name)
    if make is None:
        return None
    items = value if isinstance(value, list | tuple) else [value]
    try:
        return Attribute(name, tuple(make(item) for item in items)) if items else None
    except (TypeError, ValueError):
        return None


def _plain(value: Value) -> object:
    if isinstance(value, Integer | Enum):
        return value.value
    if isinstance(value, Collection):
        return {member.name: _plain(member.value) for member in value.members}
    return str(value)


def _word_in(words: tuple[str, ...]) -> Check:
    return lambda v: isinstance(v, Keyword | Name) and v.value in words


def _number_in(numbers: tuple[int, ...]) -> Check:
    return lambda v: isinstance(v, Enum) and v.value in numbers


def _resolution(capabilities: Capabilities) -> Check:
    return lambda v: (
        isinstance(v, Resolution)
        and v.units == _DOTS_PER_INCH
        and v.cross_feed == v.feed
        and v.feed in capabilities.resolutions_dpi
    )


def _media_col(capabilities: Capabilities) -> Check:
    sizes = {(size.x, size.y) for size in capabilities.media}
    words = {
        "media-size-name": capabilities.media_names,
        "media-source": capabilities.media_sources,
        "media-type": capabilities.media_types,
    }

    def member_can(member: Attribute) -> bool:
        value = member.value
        if member.name == "media-size":
            return isinstance(value, Collection) and _size_of(value) in sizes
        if member.name in words:
            return isinstance(value, Keyword | Name) and value.value in words[member.name]
        return member.name in MEDIA_COL and isinstance(value, Integer) and value.value >= 0

    return lambda v: isinstance(v, Collection) and all(member_can(m) for m in v.members)


def _override(known: Mapping[str, Check]) -> Check:
    """PWG 5100.6: which pages or documents, and what is different there."""

    def member_can(member: Attribute) -> bool:
        if len(member.values) > _MOST_VALUES or member.name not in OVERRIDES:
            return False
        if member.name in _WHERE:
            return _is_ascending(member.values)
        return len(member.values) == 1 and known[member.name](member.value)

    return lambda v: isinstance(v, Collection) and all(member_can(m) for m in v.members)


def _is_ascending(values: Iterable[Value]) -> bool:
    """Whether ranges follow each other without a number twice (RFC 8011 5.2.7)."""
    last = 0
    for value in values:
        if not isinstance(value, RangeOfInteger) or not last < value.lower <= value.upper:
            return False
        last = value.upper
    return True


def _size_of(size: Collection) -> tuple[int, int]:
    x, y = size.find("x-dimension"), size.find("y-dimension")
    x_value = x.value if x else None
    y_value = y.value if y else None
    return (
        x_value.value if isinstance(x_value, Integer) else 0,
        y_value.value if isinstance(y_value, Integer) else 0,
    )


def _integer(item: object) -> Integer:
    return Integer(int(str(item)))


def _enum(item: object) -> Enum:
    return Enum(int(str(item)))


def _keyword(item: object) -> Keyword:
    return Keyword(str(item))


def _range(item: object) -> RangeOfInteger:
    lower, _, upper = str(item).partition("-")
    return RangeOfInteger(int(lower), int(upper or lower))


def _dots(item: object) -> Resolution:
    dpi = int(str(item).removesuffix("dpi").partition("x")[0])
    return Resolution(dpi, dpi)


_MAKE: Final[Mapping[str, Callable[[object], Value]]] = {
    "copies": _integer,
    "finishings": _enum,
    "job-priority": _integer,
    "job-sheets": _keyword,
    "media": _keyword,
    "multiple-document-handling": _keyword,
    "number-up": _integer,
    "orientation-requested": _enum,
    "output-bin": _keyword,
    "page-ranges": _range,
    "print-color-mode": _keyword,
    "print-content-optimize": _keyword,
    "print-quality": _enum,
    "print-rendering-intent": _keyword,
    "print-scaling": _keyword,
    "printer-resolution": _dots,
    "sides": _keyword,
}
