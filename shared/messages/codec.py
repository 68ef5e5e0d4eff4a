"""Frozen dataclasses to plain JSON values and back.

One rule per type: str, int, bool, None as they are; datetime as RFC 3339 text; bytes as base64;
an Enum as its value; tuple, list and frozenset as arrays; a mapping as an object; a dataclass as
an object of its fields. There are no floats: their text is not the same in every language.
Reading skips unknown fields and uses a field's default where it is absent.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import json
import operator
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from json.encoder import encode_basestring
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from shared import clock

T = TypeVar("T")

_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})
_ENUM_VALUE: Final = operator.attrgetter("value")
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)

_DECODER: Final = json.JSONDecoder()
_SHAPES_KEPT: Final = 256


class MessageError(Exception):
    """A message is not what it should be; ``where`` is the path of the field."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


def dumps(value: Any) -> bytes:
    """Write canonical JSON: UTF-8, sorted keys, no white space; the form that is hashed."""
    return _ENCODER.encode(value).encode()


def loads(data: bytes) -> Any:
    """Read JSON.

    Raises:
        MessageError: Not UTF-8 JSON.
    """
    try:
        return _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise MessageError("$", f"not JSON: {error}") from None


def to_text(value: Any) -> str:
    """Write a message as canonical JSON: as ``dumps(to_plain(value))`` would, in half the time."""
    kind: Any = type(value)
    return _text_writer(kind)(value)


@functools.cache
def _text_writer(kind: Any) -> Callable[[Any], str]:  # noqa: PLR0911
    if kind is str:
        return encode_basestring
    if kind is bool:
        return lambda value: "true" if value else "false"
    if kind is int:
        return str
    if kind is type(None):
        return lambda _: "null"
    if issubclass(kind, datetime):
        return lambda value: f'"{clock.to_wire(value)}"'
    if issubclass(kind, Enum):
        return lambda value: to_text(value.value)
    if dataclasses.is_dataclass(kind):
        return _dataclass_text_writer(kind)
    return lambda value: _ENCODER.encode(to_plain(value))


def _dataclass_text_writer(kind: Any) -> Callable[[Any], str]:
    names = sorted(_fields(kind))
    if len(names) < 2:  # noqa: PLR2004  attrgetter gives a tuple of two and more
        return lambda value: _ENCODER.encode(to_plain(value))
    keys = [f',"{name}":' for name in names]
    keys[0] = "{" + keys[0][1:]
    values_of = operator.attrgetter(*names)

    def write(value: Any) -> str:
        pairs = zip(keys, values_of(value), strict=True)
        return "".join([key + to_text(item) for key, item in pairs]) + "}"

    return write


def to_plain(value: Any) -> Any:
    """Turn a message into plain JSON values."""
    kind: Any = type(value)
    return value if kind in _AS_THEY_ARE else _writer(kind)(value)


@functools.cache
def _writer(kind: type[Any]) -> Callable[[Any], Any]:  # noqa: PLR0911
    """Choose how values of a type are written; asked once per type."""
    if issubclass(kind, Enum):
        return _ENUM_VALUE
    if issubclass(kind, str | bool | int):
        return _same
    if issubclass(kind, datetime):
        return clock.to_wire
    if issubclass(kind, bytes):
        return lambda value: base64.b64encode(value).decode()
    if dataclasses.is_dataclass(kind):
        names = tuple(_fields(kind))
        return lambda value: {name: to_plain(getattr(value, name)) for name in names}
    if issubclass(kind, Mapping):
        return lambda value: {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if issubclass(kind, frozenset | set):
        return lambda value: sorted(to_plain(item) for item in value)
    if issubclass(kind, tuple | list):
        return lambda value: [to_plain(item) for item in value]
    raise TypeError(f"{kind.__name__} has no form on the wire")


def _same(value: Any) -> Any:
    return value


def from_plain(kind: type[T], value: Any, where: str = "$") -> T:
    """Read a message of the given dataclass from plain JSON values.

    Raises:
        MessageError: A field is missing, or of another type than it should be.
    """
    try:
        result: T = _reader(kind)(value)  # type: ignore[arg-type]  # a type is hashable
    except _WrongError as error:
        raise MessageError(where + error.path, error.what) from None
    return result


@functools.cache
def _fields(kind: type[Any]) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }


# A type's reader is made once; what it reads runs through it thousands of times a second.
_Reader = Callable[[Any], Any]


class _WrongError(Exception):
    """A value is not what it should be; the path grows on the way out."""

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.path = path


@functools.cache
def _reader(kind: Any) -> _Reader:  # noqa: PLR0911
    """Choose how values of a type are read."""
    if hasattr(kind, "__supertype__"):
        return _reader(kind.__supertype__)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union_reader(get_args(kind))
    if kind is Any:
        return _same
    if origin in (tuple, list, frozenset):
        return _array_reader(origin, get_args(kind)[0])
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(*get_args(kind))
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    return _scalar_reader(kind)


def _union_reader(choices: tuple[Any, ...]) -> _Reader:
    read = _reader(next(choice for choice in choices if choice is not type(None)))
    if type(None) not in choices:
        return read
    return lambda value: None if value is None else read(value)


def _array_reader(origin: Callable[[Any], Any], item: Any) -> _Reader:
    read_item = _reader(item)

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _WrongError("should be an array")
        items, n = [], 0
        try:
            for n, part in enumerate(value):  # noqa: B007  # the place of an error
                items.append(read_item(part))
        except _WrongError as error:
            error.path = f"[{n}]{error.path}"
            raise
        return origin(items)

    return read


def _mapping_reader(of_key: Any, of_item: Any) -> _Reader:
    read_key, read_item = _reader(of_key), _reader(of_item)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _WrongError("should be an object")
        if read_item is _same and of_key is str:
            return dict(value)
        found, key = {}, ""
        try:
            for key, item in value.items():
                found[read_key(key)] = read_item(item)
        except _WrongError as error:
            error.path = f".{key}{error.path}"
            raise
        return found

    return read


def _dataclass_reader(kind: Any) -> _Reader:
    fields = [
        (name, _plain_types(hint), _reader(hint), required)
        for name, (hint, required) in _fields(kind).items()
    ]
    read_slowly = _careful_dataclass_reader(kind, fields)
    if len(fields) < 2:  # noqa: PLR2004  itemgetter gives a tuple of two and more
        return read_slowly
    parts_of = operator.itemgetter(*(name for name, *_ in fields))
    conversions = [(n, field[2]) for n, field in enumerate(fields) if not field[1]]
    # Types of the fields' values, in their order, that were right once and so always are.
    right: set[tuple[type, ...]] = set()

    def is_right(shape: tuple[type, ...]) -> bool:
        return all(t in field[1] for t, field in zip(shape, fields, strict=True) if field[1])

    def read(value: Any) -> Any:
        try:
            found = parts_of(value)
        except (KeyError, TypeError):  # A field is absent, or it is no object at all.
            return read_slowly(value)
        shape = tuple(map(type, found))
        if shape not in right:
            if not is_right(shape) or type(value) is not dict:
                return read_slowly(value)
            if len(right) < _SHAPES_KEPT:
                right.add(shape)
        parts = list(found)
        try:
            for n, convert in conversions:
                parts[n] = convert(parts[n])
        except _WrongError:
            return read_slowly(value)  # It tells where.
        return kind(*parts)

    return read


def _careful_dataclass_reader(
    kind: Any, fields: list[tuple[str, frozenset[type], _Reader, bool]]
) -> _Reader:
    """Read field by field: knows defaults, and where something is wrong."""

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _WrongError("should be an object")
        found, name = {}, ""
        try:
            for name, plain, read_field, required in fields:
                if name in value:
                    part = value[name]
                    found[name] = part if type(part) in plain else read_field(part)
                elif required:
                    raise _WrongError("is missing")  # noqa: TRY301  # beside what goes well
        except _WrongError as error:
            error.path = f".{name}{error.path}"
            raise
        return kind(**found)

    return read


def _plain_types(hint: Any) -> frozenset[type]:
    """The types whose values stand for themselves in a field of this hint."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if get_origin(hint) in (Union, types.UnionType):
        choices = get_args(hint)
        plain = _plain_types(next(c for c in choices if c is not type(None)))
        return plain | {type(None)} if plain and type(None) in choices else plain
    return frozenset({hint}) if hint in (str, int, bool) else frozenset()


def _enum_reader(kind: type[Enum]) -> _Reader:
    """Look members up by their value: half of what calling the class costs."""
    members = {(type(member.value), member.value): member for member in kind}

    def read(value: Any) -> Any:
        try:
            return members[type(value), value]
        except (KeyError, TypeError):
            raise ValueError(value) from None

    return read


def _scalar_reader(kind: Any) -> _Reader:
    name = getattr(kind, "__name__", str(kind))
    takes = kind if kind in (str, int, bool) else None
    convert: _Reader | None = None
    if kind is datetime:
        takes, convert = str, clock.from_wire
    elif kind is bytes:
        takes, convert = str, functools.partial(base64.b64decode, validate=True)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        takes, convert = object, _enum_reader(kind)

    def read(value: Any) -> Any:
        if type(value) is not takes and takes is not object:
            raise _WrongError(f"should be {name}")
        if convert is None:
            return value
        try:
            return convert(value)
        except (ValueError, binascii.Error):
            raise _WrongError(f"{str(value)[:80]!r} is no {name}") from None

    return read
