"""Bytes to Message (RFC 8010 section 3); decides, never waits.

Noise raises DecodeError and nothing else. What we do not know is kept: group tags, syntaxes,
extension tags, out-of-band values. What the standard forbids is refused: lengths that do not
fit their syntax, additional values of nothing, members outside a collection.
"""

from __future__ import annotations

import struct
from typing import Final

from shared.ipp.buffer import (
    HEADER_OCTETS,
    MAX_MESSAGE_OCTETS,
    MAX_NAME_OCTETS,
    MAX_VALUE_OCTETS,
    Buffer,
)
from shared.ipp.errors import DecodeError, EndsEarlyError
from shared.ipp.message import Attribute, Group, Header, Message
from shared.ipp.syntaxes import ReadValue, readers
from shared.ipp.tags import LAST_DELIMITER, Tag
from shared.ipp.values import Collection, Value

MAX_DEPTH: Final = 8  # collections in collections

_HEADER: Final = struct.Struct(">BBHi")
_STRICT: Final = readers("strict")
_LENIENT: Final = readers("replace")
_END: Final = int(Tag.END)
_BEGIN_COLLECTION: Final = int(Tag.BEGIN_COLLECTION)
_END_COLLECTION: Final = int(Tag.END_COLLECTION)
_MEMBER_NAME: Final = int(Tag.MEMBER_NAME)

_new: Final = tuple.__new__

Attributes = list[tuple[str, list[Value]]]


def decode_message(
    data: bytes, *, max_octets: int = MAX_MESSAGE_OCTETS, lenient: bool = False
) -> tuple[Message, int]:
    """Decode a whole message; also tell where its document data begins.

    Args:
        data: The message, with or without document data behind it.
        max_octets: What the message may have at most, without document data.
        lenient: Take text that is not UTF-8, with replacement characters: for printers.

    Raises:
        DecodeError: It is not a message, or over a limit, or not all there.
    """
    header = read_header(data)
    if header is None:
        raise EndsEarlyError(len(data))
    try:
        groups, end = _Parser(data, lenient=lenient).groups(HEADER_OCTETS)
        if end > max_octets:
            raise DecodeError("more attributes than we take", max_octets)  # noqa: TRY301
    except DecodeError as error:
        error.header = header
        raise
    return Message(header.version, header.code, header.request_id, groups), end


def decode_groups(data: bytes, *, lenient: bool = False) -> tuple[Group, ...]:
    """Decode groups without a header, as written by ``encode_groups``.

    Raises:
        DecodeError: They are not groups.
    """
    return _Parser(data + bytes([_END]), lenient=lenient).groups(0)[0]


def read_header(data: bytes) -> Header | None:
    """Read the first eight octets; None while they are not there."""
    if len(data) < HEADER_OCTETS:
        return None
    major, minor, code, request_id = _HEADER.unpack_from(data)
    return Header((major, minor), code, request_id)


class Decoder:
    """Decode one message from bytes as they arrive.

    ``rest`` is the document data that arrived with the end of the message.
    """

    def __init__(self, *, max_octets: int = MAX_MESSAGE_OCTETS, lenient: bool = False) -> None:
        self._buffer = Buffer(max_octets)
        self._max_octets = max_octets
        self._lenient = lenient
        self.message: Message | None = None
        self.rest = b""

    def feed(self, data: bytes) -> Message | None:
        """Add bytes; the message as soon as it is whole. Bytes after it are added to ``rest``.

        Raises:
            DecodeError: It is not a message, or over a limit.
        """
        if self.message is not None:
            self.rest += data
            return self.message
        try:
            return self._first(data) if len(self._buffer) == 0 else self._next(data)
        except DecodeError as error:
            error.header = read_header(self._buffer.start(HEADER_OCTETS) or data)
            raise

    def close(self) -> Message:
        """The message, now that nothing more will come.

        Raises:
            DecodeError: It is not all there.
        """
        if self.message is None:
            header = read_header(self._buffer.start(HEADER_OCTETS))
            raise EndsEarlyError(len(self._buffer), header)
        return self.message

    def _first(self, data: bytes) -> Message | None:
        """Most messages come whole, and those are looked at once."""
        try:
            message, end = decode_message(data, max_octets=self._max_octets, lenient=self._lenient)
        except EndsEarlyError:
            return self._next(data)
        self.message, self.rest = message, data[end:]
        return message

    def _next(self, data: bytes) -> Message | None:
        self._buffer.add(data)
        end = self._buffer.find_end()
        return None if end is None else self._finish(*self._buffer.split(end))

    def _finish(self, data: bytes, rest: bytes) -> Message:
        self.message, _ = decode_message(data, max_octets=self._max_octets, lenient=self._lenient)
        self.rest = rest
        self._buffer = Buffer(self._max_octets)
        return self.message


class _Parser:
    """Goes through the attributes of one message."""

    def __init__(self, data: bytes, *, lenient: bool) -> None:
        self._data = data
        self._readers: tuple[ReadValue, ...] = _LENIENT if lenient else _STRICT

    def groups(self, position: int) -> tuple[tuple[Group, ...], int]:
        """All groups from ``position``, and the offset behind end-of-attributes."""
        data = self._data
        found: list[tuple[int, Attributes]] = []
        try:
            while (tag := data[position]) != _END:
                position += 1
                if tag <= LAST_DELIMITER:
                    found.append((tag, []))
                    position = self._attributes(position, found[-1][1])
                else:
                    raise DecodeError("an attribute before any group", position - 1)
        except IndexError:
            raise EndsEarlyError(len(data)) from None
        return tuple([Group(tag, _freeze(attributes)) for tag, attributes in found]), position + 1

    def _attributes(self, position: int, into: Attributes) -> int:
        """The attributes of one group, up to the next delimiter."""
        data = self._data
        read = self._readers
        values: list[Value] | None = None
        while (tag := data[position]) > LAST_DELIMITER:
            start = position
            name_at = position + 3
            value_at = name_at + (data[position + 1] << 8 | data[position + 2]) + 2
            position = value_at + (data[value_at - 2] << 8 | data[value_at - 1])
            raw = data[value_at:position]
            if value_at - name_at > MAX_NAME_OCTETS + 2 or position - value_at > MAX_VALUE_OCTETS:
                raise DecodeError("a name or value that is too long", start)
            if position > len(data):
                raise EndsEarlyError(len(data))
            try:
                if value_at - 2 > name_at:
                    values = []
                    into.append((data[name_at : value_at - 2].decode(), values))
                elif values is None:
                    raise DecodeError("an additional value of nothing", start)
                if tag == _BEGIN_COLLECTION:
                    value, position = self._collection(position, start, raw, 1)
                    values.append(value)
                else:
                    values.append(read[tag](raw))
            except ValueError as error:
                if value_at - 2 > name_at:
                    self._name(name_at, value_at - 2)
                raise DecodeError(_why(error), value_at) from None
        return position

    def _collection(
        self, position: int, start: int, raw: bytes, depth: int
    ) -> tuple[Collection, int]:
        """Members up to endCollection (RFC 8010 section 3.1.6); ``raw`` came with begCollection."""
        if raw:
            raise DecodeError("a collection with a value of its own", start)
        if depth > MAX_DEPTH:
            raise DecodeError(f"collections more than {MAX_DEPTH} deep", start)
        members: Attributes = []
        while True:
            start = position
            tag, raw, position = self._member_value(position)
            if tag == _END_COLLECTION:
                return self._end_collection(members, raw, start), position
            if tag == _MEMBER_NAME:
                _need_values(members, start)
                value_at = position - len(raw)
                members.append((self._name(value_at, position), []))
                continue
            if not members:
                raise DecodeError("a member value without a name", start)
            value: Value
            if tag == _BEGIN_COLLECTION:
                value, position = self._collection(position, start, raw, depth + 1)
            else:
                value = self._value(tag, raw, position - len(raw))
            members[-1][1].append(value)

    def _member_value(self, position: int) -> tuple[int, bytes, int]:
        """Tag and octets of one value in a collection; all of them have empty names."""
        data = self._data
        tag = data[position]
        if tag <= LAST_DELIMITER:
            raise DecodeError("a collection that does not end", position)
        if data[position + 1] or data[position + 2]:
            raise DecodeError("a name where a collection has none", position + 1)
        value_at = position + 5
        end = value_at + (data[position + 3] << 8 | data[position + 4])
        if end - value_at > MAX_VALUE_OCTETS:
            raise DecodeError("a value that is too long", position)
        if end > len(data):
            raise EndsEarlyError(len(data))
        return tag, data[value_at:end], end

    def _end_collection(self, members: Attributes, raw: bytes, start: int) -> Collection:
        if raw:
            raise DecodeError("an end of collection with a value", start)
        _need_values(members, start)
        return Collection(_freeze(members))

    def _value(self, tag: int, raw: bytes, offset: int) -> Value:
        try:
            return self._readers[tag](raw)
        except ValueError as error:
            raise DecodeError(_why(error), offset) from None

    def _name(self, start: int, end: int) -> str:
        if not 0 < end - start <= MAX_NAME_OCTETS:
            raise DecodeError(f"a name of {end - start} octets", start)
        try:
            return self._data[start:end].decode()
        except UnicodeDecodeError:
            raise DecodeError("a name that is not UTF-8", start) from None


def _need_values(members: Attributes, offset: int) -> None:
    if members and not members[-1][1]:
        raise DecodeError("a member without a value", offset)


def _freeze(attributes: Attributes) -> tuple[Attribute, ...]:
    # As Attribute(...) would, without its wrapper: one attribute is made per line of a request.
    return tuple([_new(Attribute, (name, tuple(values))) for name, values in attributes])


def _why(error: ValueError) -> str:
    return "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
