"""A TOML file written by hand, read field by field; errors name the file and the field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

_WORDS: Final = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


class ProfileError(Exception):
    """A profile cannot be used: which file, which field, and why."""

    def __init__(self, file: str, field: str, what: str) -> None:
        super().__init__(f"{file}: {field}: {what}" if field else f"{file}: {what}")
        self.file = file
        self.field = field
        self.what = what


class Table:
    """One table of the file; remembers which of its fields were read."""

    def __init__(self, file: str, path: str, content: Mapping[str, Any]) -> None:
        self._file = file
        self._path = path
        self._content = content
        self._read: set[str] = set()
        self._inner: list[Table] = []

    @classmethod
    def load(cls, path: Path, name: str) -> Table:
        """Read a file; ``name`` is what errors call it.

        Raises:
            ProfileError: There is none, or it is not TOML.
        """
        try:
            return cls(name, "", tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ProfileError(name, "", str(error)) from None

    def error(self, field: str, what: str) -> ProfileError:
        return ProfileError(self._file, self._name(field), what)

    def get(self, field: str, kind: type[T]) -> T:
        """Read a field that must be there.

        Raises:
            ProfileError: It is not, or of another kind.
        """
        if field not in self._content:
            raise self.error(field, "is missing")
        return self._checked(field, kind)

    def find(self, field: str, kind: type[T], default: T) -> T:
        """Read a field that may be absent."""
        return self._checked(field, kind) if field in self._content else default

    def number(self, field: str, default: int, *, least: int, most: int) -> int:
        value = self.find(field, int, default)
        if not least <= value <= most:
            raise self.error(field, f"must be {least} to {most}, not {value}")
        return value

    def choice(self, field: str, among: tuple[str, ...], default: str | None = None) -> str:
        value = self.get(field, str) if default is None else self.find(field, str, default)
        if value not in among:
            raise self.error(field, f"must be one of {', '.join(among)}, not {value!r}")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        items = self.find(field, list, [])
        for item in items:
            if not isinstance(item, str):
                raise self.error(field, f"must be a list of texts, not of {item!r}")
        return tuple(items)

    def pattern(self, field: str) -> re.Pattern[str]:
        try:
            return re.compile(self.get(field, str))
        except re.error as error:
            raise self.error(field, f"is no regular expression: {error}") from None

    def table(self, field: str, *, needed: bool = False) -> Table:
        content = self.get(field, dict) if needed else self.find(field, dict, {})
        return self._enter(self._name(field), content)

    def tables(self, field: str) -> Iterator[Table]:
        """Read an array of tables (``[[field]]``)."""
        for number, content in enumerate(self.find(field, list, []), start=1):
            if not isinstance(content, dict):
                raise self.error(field, "must be a list of tables")
            yield self._enter(f"{self._name(field)}[{number}]", content)

    def unread(self) -> list[str]:
        """Fields that nobody read: misspelled, or from a later release."""
        mine = [self._name(field) for field in self._content if field not in self._read]
        return mine + [field for inner in self._inner for field in inner.unread()]

    def _enter(self, path: str, content: Mapping[str, Any]) -> Table:
        inner = Table(self._file, path, content)
        self._inner.append(inner)
        return inner

    def _checked(self, field: str, kind: type[T]) -> T:
        self._read.add(field)
        value = self._content[field]
        if type(value) is not kind:
            raise self.error(field, f"must be {_WORDS[kind]}, not {value!r}")
        return value

    def _name(self, field: str) -> str:
        return f"{self._path}.{field}" if self._path else field
