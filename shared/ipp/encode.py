"""Message to bytes (RFC 8010 section 3); the tags of the values decide, nothing is guessed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, Final

from shared.ipp import values as v
from shared.ipp.buffer import MAX_NAME_OCTETS, MAX_VALUE_OCTETS
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import LAST_DELIMITER, Tag

_HEADER: Final = struct.Struct(">BBHi")
_INTEGER: Final = struct.Struct(">i")
_RANGE: Final = struct.Struct(">ii")
_RESOLUTION: Final = struct.Struct(">iiB")
_TAG_AND_LENGTH: Final = struct.Struct(">BH")
_LENGTH: Final = struct.Struct(">H")
_END: Final = bytes([Tag.END])
_BEGIN_VALUE: Final = b"\0\0"  # begCollection has no octets of its own
_END_COLLECTION: Final = bytes([Tag.END_COLLECTION, 0, 0, 0, 0])


class EncodeError(ValueError):
    """The message cannot be said in IPP: a number too large, a name too long, no value."""


def encode_message(message: Message) -> bytes:
    """Encode a message; document data goes behind it.

    Raises:
        EncodeError: It cannot be said in IPP.
    """
    try:
        header = _HEADER.pack(*message.version, message.code, message.request_id)
    except struct.error as error:
        raise EncodeError(f"header: {error}") from None
    return header + encode_groups(message.groups) + _END


def encode_groups(groups: Iterable[Group]) -> bytes:
    """Encode groups without header and end, to keep them or to put them into a message.

    Raises:
        EncodeError: They cannot be said in IPP.
    """
    out: list[bytes] = []
    for group in groups:
        if not 0 <= group.tag <= LAST_DELIMITER or group.tag == Tag.END:
            raise EncodeError(f"0x{group.tag:02x} begins no group")
        out.append(bytes([group.tag]))
        for attribute in group.attributes:
            try:
                _write_attribute(attribute, out)
            except (struct.error, ValueError, OverflowError) as error:
                raise EncodeError(f"{attribute.name}: {error}") from None
    return b"".join(out)


def _write_attribute(attribute: Attribute, out: list[bytes]) -> None:
    name = _name(attribute)
    for value in attribute.values:
        _write_value(name, value, out)
        name = b""


def _write_value(name: bytes, value: v.Value, out: list[bytes]) -> None:
    if isinstance(value, v.Collection):
        out += (_TAG_AND_LENGTH.pack(value.tag, len(name)), name, _BEGIN_VALUE)
        for member in value.members:
            _write_member(member, out)
        out.append(_END_COLLECTION)
        return
    data = _WRITERS[type(value)](value)
    if len(data) > MAX_VALUE_OCTETS:
        raise ValueError(f"a value of {len(data)} octets")
    out += (_TAG_AND_LENGTH.pack(value.tag, len(name)), name, _LENGTH.pack(len(data)), data)


def _write_member(member: Attribute, out: list[bytes]) -> None:
    name = _name(member)
    out += (_TAG_AND_LENGTH.pack(Tag.MEMBER_NAME, 0), _LENGTH.pack(len(name)), name)
    for value in member.values:
        _write_value(b"", value, out)


def _name(attribute: Attribute) -> bytes:
    name = attribute.name.encode()
    if not 0 < len(name) <= MAX_NAME_OCTETS:
        raise ValueError(f"a name of {len(name)} octets")
    if not attribute.values:
        raise ValueError("no value")
    return name


def _with_language(value: v.TextWithLanguage | v.NameWithLanguage) -> bytes:
    language, text = value.language.encode(), value.value.encode()
    return b"".join((_LENGTH.pack(len(language)), language, _LENGTH.pack(len(text)), text))


def _date_time(value: v.DateTime) -> bytes:
    if len(value.octets) != 11:  # noqa: PLR2004
        raise ValueError("a dateTime has 11 octets")
    return value.octets


def _integer(value: v.Integer | v.Enum) -> bytes:
    return _INTEGER.pack(value.value)


def _text(value: Any) -> bytes:
    data: bytes = value.value.encode()
    return data


_WRITERS: Final[dict[type, Callable[[Any], bytes]]] = {
    v.Integer: _integer,
    v.Enum: _integer,
    v.Boolean: lambda value: b"\1" if value.value else b"\0",
    v.OctetString: lambda value: value.value,
    v.DateTime: _date_time,
    v.Resolution: lambda value: _RESOLUTION.pack(value.cross_feed, value.feed, value.units),
    v.RangeOfInteger: lambda value: _RANGE.pack(value.lower, value.upper),
    v.TextWithLanguage: _with_language,
    v.NameWithLanguage: _with_language,
    v.OutOfBand: lambda value: value.data,
    v.Unknown: lambda value: value.data,
    v.Text: _text,
    v.Name: _text,
    v.Keyword: _text,
    v.Uri: _text,
    v.UriScheme: _text,
    v.Charset: _text,
    v.NaturalLanguage: _text,
    v.MimeMediaType: _text,
}
