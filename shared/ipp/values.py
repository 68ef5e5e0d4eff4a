"""One frozen class per attribute syntax, its tag kept (RFC 8010 section 3.9, RFC 8011 5.1).

Two values are equal when class and content are: ``Keyword("none") != Name("none")``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar, Self

from shared.ipp.tags import Tag, tag_name

if TYPE_CHECKING:
    from shared.ipp.message import Attribute

_DATE_TIME = struct.Struct(">HBBBBBBcBB")


@dataclass(frozen=True, slots=True)
class Integer:
    """A signed 32-bit number."""

    tag: ClassVar[int] = Tag.INTEGER
    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Enum:
    """A signed 32-bit number that stands for a word."""

    tag: ClassVar[int] = Tag.ENUM
    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Boolean:
    tag: ClassVar[int] = Tag.BOOLEAN
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class OctetString:
    tag: ClassVar[int] = Tag.OCTET_STRING
    value: bytes

    def __str__(self) -> str:
        return self.value.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class DateTime:
    """Eleven octets of RFC 2579 DateAndTime, kept as they came."""

    tag: ClassVar[int] = Tag.DATE_TIME
    octets: bytes

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Write an aware moment in UTC, to a tenth of a second."""
        utc = moment.astimezone(UTC)
        tenths = utc.microsecond // 100_000
        date = (utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, tenths)
        return cls(_DATE_TIME.pack(*date, b"+", 0, 0))

    def find_moment(self) -> datetime | None:
        """Tell the moment; None where the octets are no date of our calendar."""
        year, month, day, hour, minute, second, tenths, sign, *offset = _DATE_TIME.unpack(
            self.octets
        )
        east = timedelta(hours=offset[0], minutes=offset[1])
        try:
            zone = timezone(-east if sign == b"-" else east)
            # A leap second (60) is shown as the second before it.
            parts = (hour, minute, min(second, 59), tenths * 100_000)
            return datetime(year, month, day, *parts, tzinfo=zone)
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        moment = self.find_moment()
        return moment.isoformat() if moment else self.octets.hex()


@dataclass(frozen=True, slots=True)
class Resolution:
    tag: ClassVar[int] = Tag.RESOLUTION
    cross_feed: int
    feed: int
    units: int = 3  # dots per inch

    def __str__(self) -> str:
        unit = {3: "dpi", 4: "dpcm"}.get(self.units, f"/{self.units}")
        return f"{self.cross_feed}x{self.feed}{unit}"


@dataclass(frozen=True, slots=True)
class RangeOfInteger:
    tag: ClassVar[int] = Tag.RANGE_OF_INTEGER
    lower: int
    upper: int

    def __contains__(self, number: int) -> bool:
        return self.lower <= number <= self.upper

    def __str__(self) -> str:
        return f"{self.lower}-{self.upper}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text in the message's charset and natural language."""

    tag: ClassVar[int] = Tag.TEXT
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class TextWithLanguage:
    tag: ClassVar[int] = Tag.TEXT_WITH_LANGUAGE
    language: str
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Name:
    """A name in the message's charset and natural language."""

    tag: ClassVar[int] = Tag.NAME
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class NameWithLanguage:
    tag: ClassVar[int] = Tag.NAME_WITH_LANGUAGE
    language: str
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Keyword:
    tag: ClassVar[int] = Tag.KEYWORD
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Uri:
    tag: ClassVar[int] = Tag.URI
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class UriScheme:
    tag: ClassVar[int] = Tag.URI_SCHEME
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Charset:
    tag: ClassVar[int] = Tag.CHARSET
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class NaturalLanguage:
    tag: ClassVar[int] = Tag.NATURAL_LANGUAGE
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class MimeMediaType:
    tag: ClassVar[int] = Tag.MIME_MEDIA_TYPE
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class OutOfBand:
    """A statement instead of a value: 'unknown', 'no-value', 'unsupported' ...

    The standard wants no octets; some Brother printers send some, so they are kept.
    """

    tag: int
    data: bytes = b""

    def __str__(self) -> str:
        return tag_name(self.tag)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of a syntax that we do not know, kept as it came."""

    tag: int
    data: bytes

    @property
    def extended_tag(self) -> int | None:
        """The 31-bit tag in an extension value (RFC 8010 section 3.5.2)."""
        return int.from_bytes(self.data[:4], "big") if self.tag == Tag.EXTENSION else None

    def __str__(self) -> str:
        return f"{tag_name(self.tag)}:{self.data.hex()}"


@dataclass(frozen=True, slots=True)
class Collection:
    """Member attributes under one value (RFC 8010 section 3.1.6)."""

    tag: ClassVar[int] = Tag.BEGIN_COLLECTION
    members: tuple[Attribute, ...]

    def find(self, name: str) -> Attribute | None:
        return next((member for member in self.members if member.name == name), None)

    def __str__(self) -> str:
        return "{" + " ".join(str(member) for member in self.members) + "}"


Value = (
    Integer
    | Enum
    | Boolean
    | OctetString
    | DateTime
    | Resolution
    | RangeOfInteger
    | Text
    | TextWithLanguage
    | Name
    | NameWithLanguage
    | Keyword
    | Uri
    | UriScheme
    | Charset
    | NaturalLanguage
    | MimeMediaType
    | OutOfBand
    | Unknown
    | Collection
)

UNKNOWN = OutOfBand(Tag.UNKNOWN)
NO_VALUE = OutOfBand(Tag.NO_VALUE)
UNSUPPORTED = OutOfBand(Tag.UNSUPPORTED_VALUE)
