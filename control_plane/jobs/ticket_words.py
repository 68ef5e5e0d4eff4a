"""What a job was sent with, in words: the wishes of its ticket (PWG 5100 names and keywords)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.i18n import gettext, mark

_ = gettext
_MOST: Final = 20
_NAMES: Final[Mapping[str, str]] = {
    "copies": mark("copies"),
    "finishings": mark("finishing"),
    "media": mark("paper"),
    "media-col": mark("paper"),
    "number-up": mark("pages on a side"),
    "orientation-requested": mark("orientation"),
    "output-bin": mark("output tray"),
    "page-ranges": mark("pages"),
    "print-color-mode": mark("colour"),
    "print-quality": mark("quality"),
    "print-scaling": mark("scaling"),
    "printer-resolution": mark("resolution"),
    "sides": mark("sides"),
}
_VALUES: Final[Mapping[tuple[str, str], str]] = {
    ("sides", "one-sided"): mark("one-sided"),
    ("sides", "two-sided-long-edge"): mark("two-sided, turned like a book"),
    ("sides", "two-sided-short-edge"): mark("two-sided, turned like a calendar"),
    ("print-color-mode", "auto"): mark("as the document has it"),
    ("print-color-mode", "color"): mark("in colour"),
    ("print-color-mode", "monochrome"): mark("black and white"),
    ("print-quality", "3"): mark("draft"),
    ("print-quality", "4"): mark("normal"),
    ("print-quality", "5"): mark("high"),
    ("orientation-requested", "3"): mark("portrait"),
    ("orientation-requested", "4"): mark("landscape"),
    ("media", "iso_a4_210x297mm"): "A4",
    ("media", "iso_a3_297x420mm"): "A3",
    ("media", "iso_a5_148x210mm"): "A5",
    ("media", "na_letter_8.5x11in"): "Letter",
    ("media", "na_legal_8.5x14in"): "Legal",
}


def ticket_words(ticket: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name the wishes as people do; what we have no word for keeps its standard's name."""
    return [(_name(name), _value(name, value)) for name, value in sorted(ticket.items())][:_MOST]


def _name(name: str) -> str:
    return _(_NAMES[name]) if name in _NAMES else name


def _value(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(name, item) for item in value)
    said = str(value)[:120]
    return _(_VALUES[name, said]) if (name, said) in _VALUES else said
