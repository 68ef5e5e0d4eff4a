"""Octets of one value to its class, by tag (RFC 8010 section 3.9).

Each raises ValueError and nothing else; the decoder adds where it happened.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from shared.ipp import values as v
from shared.ipp.tags import LAST_OUT_OF_BAND, Tag

ReadValue = Callable[[bytes], v.Value]

# Set the one field of a frozen value without going through its checking constructor: requests
# are decoded some ten thousand times a second, and this halves the cost of a value.
_new = object.__new__
_set_integer = v.Integer.__dict__["value"].__set__
_set_enum = v.Enum.__dict__["value"].__set__

_TRUE, _FALSE = v.Boolean(value=True), v.Boolean(value=False)
_TWO_INTEGERS = struct.Struct(">ii")
_RESOLUTION = struct.Struct(">iiB")
_REMEMBERED_OCTETS: Final = 64


def _exactly(octets: int, data: bytes) -> None:
    if len(data) != octets:
        raise ValueError(f"{len(data)} octets where {octets} belong")


def _integer(data: bytes) -> v.Integer:
    if len(data) != 4:  # noqa: PLR2004
        raise ValueError(f"{len(data)} octets where 4 belong")
    value: v.Integer = _new(v.Integer)
    _set_integer(value, int.from_bytes(data, "big", signed=True))
    return value


def _enum(data: bytes) -> v.Enum:
    if len(data) != 4:  # noqa: PLR2004
        raise ValueError(f"{len(data)} octets where 4 belong")
    value: v.Enum = _new(v.Enum)
    _set_enum(value, int.from_bytes(data, "big", signed=True))
    return value


def _boolean(data: bytes) -> v.Boolean:
    if data == b"\1":
        return _TRUE
    if data == b"\0":
        return _FALSE
    raise ValueError("a boolean that is neither 0 nor 1")


def _date_time(data: bytes) -> v.DateTime:
    _exactly(11, data)
    return v.DateTime(data)


def _resolution(data: bytes) -> v.Resolution:
    _exactly(9, data)
    return v.Resolution(*_RESOLUTION.unpack(data))


def _range(data: bytes) -> v.RangeOfInteger:
    _exactly(8, data)
    return v.RangeOfInteger(*_TWO_INTEGERS.unpack(data))


def _with_language(kind: type, errors: str) -> ReadValue:
    def read(data: bytes) -> v.Value:
        language_end = 2 + int.from_bytes(data[:2], "big")
        text_at = language_end + 2
        text_octets = int.from_bytes(data[language_end:text_at], "big")
        if len(data) < 4 or text_at + text_octets != len(data):  # noqa: PLR2004
            raise ValueError("inner lengths that do not add up")
        value: v.Value = kind(
            str(data[2:language_end], "utf-8", errors), str(data[text_at:], "utf-8", errors)
        )
        return value

    return read


def _text(kind: type, errors: str) -> ReadValue:
    setter = kind.__dict__["value"].__set__

    def read(data: bytes) -> v.Value:
        value: v.Value = _new(kind)
        setter(value, data.decode("utf-8", errors))
        return value

    return read


def _word(kind: type, errors: str) -> ReadValue:
    """Read words of the protocol, of which the same few come with every message.

    Texts, names and URIs are never remembered: they are about people.
    """
    read = _text(kind, errors)
    remembered = lru_cache(maxsize=1024)(read)

    def read_word(data: bytes) -> v.Value:
        return remembered(data) if len(data) <= _REMEMBERED_OCTETS else read(data)

    return read_word


def _out_of_band(tag: int) -> ReadValue:
    bare = v.OutOfBand(tag)
    return lambda data: v.OutOfBand(tag, data) if data else bare


def _unknown(tag: int) -> ReadValue:
    return lambda data: v.Unknown(tag, data)


def _extension(data: bytes) -> v.Unknown:
    if len(data) < 4:  # noqa: PLR2004
        raise ValueError("an extension without its tag")
    return v.Unknown(Tag.EXTENSION, data)


def _outside_collection(_: bytes) -> v.Value:
    raise ValueError("a member outside a collection")


def readers(errors: str) -> tuple[ReadValue, ...]:
    """One reader for each of the 256 tags; ``errors`` as in ``bytes.decode``."""
    known: dict[int, ReadValue] = {
        Tag.INTEGER: _integer,
        Tag.ENUM: _enum,
        Tag.BOOLEAN: _boolean,
        Tag.OCTET_STRING: v.OctetString,
        Tag.DATE_TIME: _date_time,
        Tag.RESOLUTION: _resolution,
        Tag.RANGE_OF_INTEGER: _range,
        Tag.TEXT_WITH_LANGUAGE: _with_language(v.TextWithLanguage, errors),
        Tag.NAME_WITH_LANGUAGE: _with_language(v.NameWithLanguage, errors),
        Tag.TEXT: _text(v.Text, errors),
        Tag.NAME: _text(v.Name, errors),
        Tag.URI: _text(v.Uri, errors),
        Tag.KEYWORD: _word(v.Keyword, errors),
        Tag.URI_SCHEME: _word(v.UriScheme, errors),
        Tag.CHARSET: _word(v.Charset, errors),
        Tag.NATURAL_LANGUAGE: _word(v.NaturalLanguage, errors),
        Tag.MIME_MEDIA_TYPE: _word(v.MimeMediaType, errors),
        Tag.EXTENSION: _extension,
        Tag.MEMBER_NAME: _outside_collection,
        Tag.END_COLLECTION: _outside_collection,
    }
    others = {tag: _out_of_band(tag) for tag in range(LAST_OUT_OF_BAND + 1)}
    return tuple(known.get(tag) or others.get(tag) or _unknown(tag) for tag in range(256))
