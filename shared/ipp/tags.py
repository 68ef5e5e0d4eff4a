"""Delimiter and value tags (RFC 8010 section 3.5; RFC 3995; PWG 5100.5, 5100.22)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Tag(IntEnum):
    """Tags by their own names; any other number from the wire is kept as it came."""

    # Delimiters: each begins a group, except END.
    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05  # the unsupported-attributes group
    SUBSCRIPTION = 0x06
    EVENT_NOTIFICATION = 0x07
    RESOURCE = 0x08
    DOCUMENT = 0x09
    SYSTEM = 0x0A

    # Out-of-band values: a statement instead of a value.
    UNSUPPORTED_VALUE = 0x10
    UNKNOWN = 0x12
    NO_VALUE = 0x13
    NOT_SETTABLE = 0x15
    DELETE_ATTRIBUTE = 0x16
    ADMIN_DEFINE = 0x17

    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    OCTET_STRING = 0x30
    DATE_TIME = 0x31
    RESOLUTION = 0x32
    RANGE_OF_INTEGER = 0x33
    BEGIN_COLLECTION = 0x34
    TEXT_WITH_LANGUAGE = 0x35
    NAME_WITH_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    TEXT = 0x41
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    URI_SCHEME = 0x46
    CHARSET = 0x47
    NATURAL_LANGUAGE = 0x48
    MIME_MEDIA_TYPE = 0x49
    MEMBER_NAME = 0x4A
    EXTENSION = 0x7F  # the first four octets of the value are the tag


LAST_DELIMITER: Final = 0x0F
LAST_OUT_OF_BAND: Final = 0x1F

# Octets that a value of the syntax may have at most (RFC 8011 section 5.1). The codec carries
# longer ones, so that intake can answer 'client-error-request-value-too-long' by name.
MAX_OCTETS: Final = {
    Tag.OCTET_STRING: 1023,
    Tag.TEXT: 1023,
    Tag.NAME: 255,
    Tag.KEYWORD: 255,
    Tag.URI: 1023,
    Tag.URI_SCHEME: 63,
    Tag.CHARSET: 63,
    Tag.NATURAL_LANGUAGE: 63,
    Tag.MIME_MEDIA_TYPE: 255,
}


def tag_name(tag: int) -> str:
    """Name a tag for people: ``keyword``, or ``0x5f`` where it has no name."""
    try:
        return Tag(tag).name.lower().replace("_", "-")
    except ValueError:
        return f"0x{tag:02x}"
