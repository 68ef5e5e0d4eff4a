"""What people read, in their language: words, moments, numbers and durations.

Messages are English in the code and translated by the catalogues in ``shared/locale``. The
language and time zone of whoever is being answered are a context variable: a request or a
terminal's session sets them once with ``reading_as``, and everything below follows.
"""

from __future__ import annotations

import functools
import gettext as gettext_library
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DOMAIN: Final = "spoolhouse"
LOCALE_FOLDER: Final = Path(__file__).parent / "locale"
_BETWEEN_SENTENCES: Final = re.compile(r"(?<=[.!?]) ")
_MOST_SENTENCES: Final = 4  # of one message in a catalogue
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
DEFAULT_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a language we have a catalogue for, and a time zone."""

    language: str = DEFAULT_LANGUAGE
    time_zone: str = "UTC"


_NOBODY: Final = Reader()
_reader: ContextVar[Reader] = ContextVar("reader", default=_NOBODY)


@contextmanager
def reading_as(language: str | None, time_zone: str | None = None) -> Iterator[None]:
    """Answer in this language and time zone until the block ends."""
    token = _reader.set(Reader(known_language(language), time_zone or _reader.get().time_zone))
    try:
        yield
    finally:
        _reader.reset(token)


def set_reader(language: str | None, time_zone: str | None = None) -> None:
    """Answer in this language and time zone for the rest of this request or task."""
    _reader.set(Reader(known_language(language), time_zone or "UTC"))


def current_language() -> str:
    return _reader.get().language


def current_zone() -> tzinfo:
    """Give the reader's time zone; UTC when this machine does not know it."""
    return _zone(_reader.get().time_zone)


def known_language(wanted: str | None) -> str:
    """Choose the catalogue for a language tag such as ``de-AT``; English when there is none."""
    primary = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return primary if primary in LANGUAGES else DEFAULT_LANGUAGE


def gettext(message: str, /, **variables: object) -> str:
    """Translate; ``variables`` fill the ``%(name)s`` places."""
    text = _catalogue(current_language()).gettext(message) if message else ""
    return text % variables if variables else text


def translated(message: str) -> str:
    """Translate what was written down in English before anybody knew who would read it.

    Sentence by sentence; what is not ours, or was said in another language, stays as it is.
    """
    if current_language() == DEFAULT_LANGUAGE:
        return message
    sentences, said, at = _BETWEEN_SENTENCES.split(message), [], 0
    while at < len(sentences):
        for end in range(min(len(sentences), at + _MOST_SENTENCES), at, -1):
            run = " ".join(sentences[at:end])
            words = gettext(run)
            if words != run or end == at + 1:
                said.append(words)
                at = end
                break
    return " ".join(said)


def ngettext(singular: str, plural: str, number: int, /, **variables: object) -> str:
    """Translate the form for this number; ``%(num)s`` is the number, written for the reader."""
    text = ngettext_form(singular, plural, number)
    return text % {"num": format_number(number), **variables}


def ngettext_form(singular: str, plural: str, number: int) -> str:
    """Choose the translated form and leave its places unfilled."""
    return _catalogue(current_language()).ngettext(singular, plural, number)


def gettext_for(language: str | None) -> Callable[..., str]:
    """Give a ``gettext`` that is fixed to one language."""
    catalogue = _catalogue(known_language(language))

    def fixed(message: str, /, **variables: object) -> str:
        text = catalogue.gettext(message) if message else ""
        return text % variables if variables else text

    return fixed


def mark(message: str) -> str:
    """Mark a message for the catalogues; it is translated later, where it is shown."""
    return message


_ = gettext


def format_number(number: int) -> str:
    """Write 1284 as ``1,284`` or ``1.284``."""
    grouped = f"{number:,}"
    return grouped.replace(",", ".") if current_language() == "de" else grouped


def format_time(moment: datetime, *, seconds: bool = False, milliseconds: bool = False) -> str:
    """Write the time of day: ``10:41``, ``10:41:31`` or ``10:41:31.204``."""
    local = moment.astimezone(current_zone())
    if milliseconds:
        mark_of_fraction = "," if current_language() == "de" else "."
        return f"{local:%H:%M:%S}{mark_of_fraction}{local.microsecond // 1000:03d}"
    return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"


def format_date(moment: datetime) -> str:
    """Write the day: ``3 Nov 2026`` or ``3. Nov. 2026``."""
    local = moment.astimezone(current_zone())
    return _("%(day)s %(month)s %(year)s", day=local.day, month=_month(local), year=local.year)


def format_moment(moment: datetime, now: datetime) -> str:
    """Write a moment as a person says it: ``10:41``, ``yesterday 16:20``, ``3 Nov 16:20``."""
    local = moment.astimezone(current_zone())
    today = now.astimezone(current_zone()).date()
    time = format_time(moment)
    match (local.date() - today).days:
        case 0:
            return time
        case -1:
            return _("yesterday %(time)s", time=time)
        case 1:
            return _("tomorrow %(time)s", time=time)
    if local.year == today.year:
        return _("%(day)s %(month)s %(time)s", day=local.day, month=_month(local), time=time)
    return f"{format_date(moment)} {time}"


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TWO: Final = 2


def format_duration(seconds: float) -> str:
    """Write a duration in its largest fitting unit: ``4 seconds``, ``26 minutes``, ``3 days``."""
    whole = max(0, int(seconds))
    if whole < _TWO * _MINUTE:
        return ngettext("%(num)s second", "%(num)s seconds", whole)
    if whole < _TWO * _HOUR:
        return ngettext("%(num)s minute", "%(num)s minutes", whole // _MINUTE)
    if whole < _TWO * _DAY:
        return ngettext("%(num)s hour", "%(num)s hours", whole // _HOUR)
    return ngettext("%(num)s day", "%(num)s days", whole // _DAY)


def format_bytes(size: int) -> str:
    """Write a size: ``287,342 bytes`` below a megabyte, ``12.4 MB`` and ``71.0 GB`` above."""
    if size < 1_000_000:  # noqa: PLR2004
        return ngettext("%(num)s byte", "%(num)s bytes", size)
    unit, whole = ("MB", 1_000_000) if size < 1_000_000_000 else ("GB", 1_000_000_000)  # noqa: PLR2004
    tenths = size * 10 // whole
    point = "," if current_language() == "de" else "."
    return f"{format_number(tenths // 10)}{point}{tenths % 10} {unit}"


def _month(moment: datetime) -> str:
    # Said out for the extractor: strftime would follow the machine's locale, not the reader's.
    return (
        _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"),
        _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
    )[moment.month - 1]  # fmt: skip


@functools.cache
def _catalogue(language: str) -> gettext_library.NullTranslations:
    return gettext_library.translation(
        DOMAIN, LOCALE_FOLDER, languages=[language], fallback=language == DEFAULT_LANGUAGE
    )


@functools.cache
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
