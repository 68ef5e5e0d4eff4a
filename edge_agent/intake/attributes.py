"""Attributes in one line each: ``keyword("sides-supported", "one-sided")``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from shared.ipp.message import Attribute
from shared.ipp.values import (
    NO_VALUE,
    Boolean,
    Charset,
    Collection,
    DateTime,
    Enum,
    Integer,
    Keyword,
    MimeMediaType,
    Name,
    NaturalLanguage,
    OctetString,
    RangeOfInteger,
    Resolution,
    Text,
    Uri,
    Value,
)


def attribute(name: str, values: Iterable[Value]) -> Attribute:
    return Attribute(name, tuple(values))


def boolean(name: str, *, value: bool) -> Attribute:
    return Attribute(name, (Boolean(value=value),))


def charset(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(Charset(value) for value in values))


def collection(name: str, *values: Collection) -> Attribute:
    return Attribute(name, values)


def date_time(name: str, moment: datetime | None) -> Attribute:
    return Attribute(name, (NO_VALUE if moment is None else DateTime.of(moment),))


def enum(name: str, *values: int) -> Attribute:
    return Attribute(name, tuple(Enum(int(value)) for value in values))


def integer(name: str, *values: int) -> Attribute:
    return Attribute(name, tuple(Integer(value) for value in values))


def integer_or_nothing(name: str, value: int | None) -> Attribute:
    return Attribute(name, (NO_VALUE if value is None else Integer(value),))


def keyword(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(Keyword(value) for value in values))


def language(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(NaturalLanguage(value) for value in values))


def media_type(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(MimeMediaType(value) for value in values))


def name(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(Name(_within(value, 255)) for value in values))


def octets(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(OctetString(value.encode()) for value in values))


def ranges(name: str, *values: tuple[int, int]) -> Attribute:
    return Attribute(name, tuple(RangeOfInteger(lower, upper) for lower, upper in values))


def resolution(name: str, *dots_per_inch: int) -> Attribute:
    return Attribute(name, tuple(Resolution(dpi, dpi) for dpi in dots_per_inch))


def text(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(Text(_within(value, 1023)) for value in values))


def uri(name: str, *values: str) -> Attribute:
    return Attribute(name, tuple(Uri(value) for value in values))


def _within(value: str, octets_at_most: int) -> str:
    """Shorten to a number of octets without breaking a character."""
    encoded = value.encode()
    if len(encoded) <= octets_at_most:
        return value
    return encoded[:octets_at_most].decode(errors="ignore")
