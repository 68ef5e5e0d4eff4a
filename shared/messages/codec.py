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
import types
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from shared import clock

T = TypeVar("T")


class MessageError(Exception):
    """A message is not what it should be; ``where`` is the path of the field."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


def dumps(value: Any) -> bytes:
    """Write canonical JSON: UTF-8, sorted keys, no white space; the form that is hashed."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def loads(data: bytes) -> Any:
    """Read JSON.

    Raises:
        MessageError: Not UTF-8 JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageError("$", f"not JSON: {error}") from None


def to_plain(value: Any) -> Any:  # noqa: PLR0911
    """Turn a message into plain JSON values."""
    if value is None or (isinstance(value, str | bool | int) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return clock.to_wire(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, Mapping):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form on the wire")


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
