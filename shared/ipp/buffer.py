"""Bytes that have arrived, and where the attributes in them end (RFC 8010 section 3.1).

Every attribute, value and collection bracket has the same frame on the wire::

    tag (1)  name-length (2)  name  value-length (2)  value

so the end can be found without understanding any of it, and what has been looked at once is
never looked at again: a message that comes one octet at a time costs no more.
"""

from __future__ import annotations

from typing import Final

from shared.ipp.errors import DecodeError
from shared.ipp.tags import LAST_DELIMITER, Tag

HEADER_OCTETS: Final = 8
MAX_MESSAGE_OCTETS: Final = 1024 * 1024  # without document data
MAX_NAME_OCTETS: Final = 255
MAX_VALUE_OCTETS: Final = 32767  # a signed length on the wire

_END: Final = int(Tag.END)


class Buffer:
    """What has arrived of one message."""

    def __init__(self, max_octets: int = MAX_MESSAGE_OCTETS) -> None:
        self._max_octets = max_octets
        self._arrived = bytearray()
        self._seen = HEADER_OCTETS

    def __len__(self) -> int:
        return len(self._arrived)

    def add(self, data: bytes) -> None:
        self._arrived += data

    def find_end(self) -> int | None:
        """Tell where the document data begins; None while attributes are still coming.

        Raises:
            DecodeError: A length is over its limit, or the message would be.
        """
        self._seen, end = skip_attributes(self._arrived, self._seen, self._max_octets)
        if end is None and len(self._arrived) > self._max_octets:
            raise DecodeError("more attributes than we take", self._max_octets)
        return end

    def split(self, end: int) -> tuple[bytes, bytes]:
        """The message, and what arrived behind it."""
        return bytes(self._arrived[:end]), bytes(self._arrived[end:])

    def start(self, octets: int) -> bytes:
        return bytes(self._arrived[:octets])


def skip_attributes(  # noqa: C901
    data: bytes | bytearray, position: int, max_octets: int
) -> tuple[int, int | None]:
    """Go over whole attributes from ``position``: how far that went, and the end where found."""
    size = len(data)
    while position < size:
        tag = data[position]
        if tag <= LAST_DELIMITER:
            position += 1
            if tag != _END:
                continue
            if position > max_octets:
                raise DecodeError("more attributes than we take", max_octets)
            return position, position
        if position + 3 > size:
            break
        name_octets = data[position + 1] << 8 | data[position + 2]
        if name_octets > MAX_NAME_OCTETS:
            raise DecodeError(f"a name of {name_octets} octets", position + 1)
        value_at = position + 5 + name_octets
        if value_at > size:
            break
        value_octets = data[value_at - 2] << 8 | data[value_at - 1]
        if value_octets > MAX_VALUE_OCTETS:
            raise DecodeError(f"a value of {value_octets} octets", value_at - 2)
        if value_at + value_octets > max_octets:
            raise DecodeError("more attributes than we take", position)
        if value_at + value_octets > size:
            break
        position = value_at + value_octets
    return position, None
