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
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from shared import clock

T = TypeVar("T")

_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})
_ENUM_VALUE: Final = operator.attrgetter("value")
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)


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
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageError("$", f"not JSON: {error}") from None


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
    result: T = _read(kind, value, where)
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


def _read(kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911
    if hasattr(kind, "__supertype__"):
        return _read(kind.__supertype__, value, where)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        choices = get_args(kind)
        if value is None and type(None) in choices:
            return None
        return _read(next(c for c in choices if c is not type(None)), value, where)
    if kind is Any:
        return value
    if origin in (tuple, list, frozenset):
        if not isinstance(value, list):
            raise MessageError(where, "should be an array")
        item = get_args(kind)[0]
        return origin(_read(item, part, f"{where}[{n}]") for n, part in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise MessageError(where, "should be an object")
        of_key, of_item = get_args(kind)
        return {
            _read(of_key, key, where): _read(of_item, item, f"{where}.{key}")
            for key, item in value.items()
        }
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, value, where)
    return _read_scalar(kind, value, where)


def _read_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise MessageError(where, "should be an object")
    found = {}
    for name, (hint, required) in _fields(kind).items():
        if name in value:
            found[name] = _read(hint, value[name], f"{where}.{name}")
        elif required:
            raise MessageError(f"{where}.{name}", "is missing")
    return kind(**found)


def _read_scalar(kind: Any, value: Any, where: str) -> Any:
    try:
        if kind is datetime and isinstance(value, str):
            return clock.from_wire(value)
        if kind is bytes and isinstance(value, str):
            return base64.b64decode(value, validate=True)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(value)
    except (ValueError, binascii.Error):
        raise MessageError(where, f"{str(value)[:80]!r} is no {kind.__name__}") from None
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise MessageError(where, f"should be {getattr(kind, '__name__', kind)}")
