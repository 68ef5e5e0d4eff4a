"""Message, Group, Attribute, and typed look-ups by name (RFC 8010 section 3.1).

Look-ups never guess: ``find_integer`` answers None where there is no such attribute *of that
syntax*, ``get_integer`` raises then, and ``list_keywords`` skips values of other syntaxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from shared.ipp import values as v
from shared.ipp.enums import Operation
from shared.ipp.tags import Tag, tag_name

V = TypeVar("V", bound=v.Value)

_TEXTS: Final = (v.Text, v.TextWithLanguage, v.Name, v.NameWithLanguage)
_WORDS: Final = (
    v.Keyword,
    v.Uri,
    v.UriScheme,
    v.Charset,
    v.NaturalLanguage,
    v.MimeMediaType,
    *_TEXTS,
)


class MissingAttributeError(LookupError):
    """An attribute that must be there is not, or has another syntax."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is missing, or not what it should be")
        self.name = name


class Attribute(NamedTuple):
    """A name and its values, at least one; each value keeps its own tag."""

    name: str
    values: tuple[v.Value, ...]

    @property
    def value(self) -> v.Value:
        """The first value, and the only one of an attribute that is not a 1setOf."""
        return self.values[0]

    def of(self, kind: type[V]) -> tuple[V, ...]:
        """Those of its values that have this syntax."""
        return tuple(value for value in self.values if isinstance(value, kind))

    def __str__(self) -> str:
        return f"{self.name}={','.join(str(value) for value in self.values)}"


@dataclass(frozen=True, slots=True)
class Group:
    """Attributes under one delimiter tag; names may come twice, as they did on the wire."""

    tag: int
    attributes: tuple[Attribute, ...] = ()

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.attributes)

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> Attribute | None:
        for attribute in self.attributes:
            if attribute[0] == name:
                return attribute
        return None

    def get(self, name: str) -> Attribute:
        """Find an attribute that must be there.

        Raises:
            MissingAttributeError: There is none.
        """
        found = self.find(name)
        if found is None:
            raise MissingAttributeError(name)
        return found

    def find_value(self, name: str, kind: type[V]) -> V | None:
        """Find the first value, where it has this syntax."""
        found = self.find(name)
        if found is None:
            return None
        value = found.values[0]
        return value if isinstance(value, kind) else None

    def find_integer(self, name: str) -> int | None:
        """Find an integer or an enum."""
        found = self.find(name)
        value = found.values[0] if found else None
        return value.value if isinstance(value, v.Integer | v.Enum) else None

    def find_boolean(self, name: str) -> bool | None:
        value = self.find_value(name, v.Boolean)
        return None if value is None else value.value

    def find_text(self, name: str) -> str | None:
        """Find a text or a name, with or without language."""
        found = self.find(name)
        value = found.values[0] if found else None
        return value.value if isinstance(value, _TEXTS) else None

    def find_word(self, name: str) -> str | None:
        """Find anything that is made of characters: keyword, uri, mimeMediaType, text ..."""
        found = self.find(name)
        value = found.values[0] if found else None
        return value.value if isinstance(value, _WORDS) else None

    def find_keyword(self, name: str) -> str | None:
        value = self.find_value(name, v.Keyword)
        return None if value is None else value.value

    def find_uri(self, name: str) -> str | None:
        value = self.find_value(name, v.Uri)
        return None if value is None else value.value

    def find_collection(self, name: str) -> v.Collection | None:
        return self.find_value(name, v.Collection)

    def get_integer(self, name: str) -> int:
        return _there(name, self.find_integer(name))

    def get_boolean(self, name: str) -> bool:
        return _there(name, self.find_boolean(name))

    def get_text(self, name: str) -> str:
        return _there(name, self.find_text(name))

    def get_keyword(self, name: str) -> str:
        return _there(name, self.find_keyword(name))

    def get_uri(self, name: str) -> str:
        return _there(name, self.find_uri(name))

    def list_integers(self, name: str) -> tuple[int, ...]:
        found = self.find(name)
        numbers = found.values if found else ()
        return tuple(item.value for item in numbers if isinstance(item, v.Integer | v.Enum))

    def list_words(self, name: str) -> tuple[str, ...]:
        """List everything that is made of characters: keywords, names, uris ..."""
        found = self.find(name)
        words = found.values if found else ()
        return tuple(item.value for item in words if isinstance(item, _WORDS))

    def list_keywords(self, name: str) -> tuple[str, ...]:
        found = self.find(name)
        return tuple(item.value for item in found.of(v.Keyword)) if found else ()

    def __str__(self) -> str:
        return f"{tag_name(self.tag)}: {' '.join(str(attribute) for attribute in self)}"


T = TypeVar("T")


def _there(name: str, value: T | None) -> T:
    if value is None:
        raise MissingAttributeError(name)
    return value


class Header(NamedTuple):
    """The first eight octets; ``code`` is an operation-id or a status-code."""

    version: tuple[int, int]
    code: int
    request_id: int


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response without its document data."""

    version: tuple[int, int]
    code: int
    request_id: int
    groups: tuple[Group, ...] = ()

    @property
    def header(self) -> Header:
        return Header(self.version, self.code, self.request_id)

    @property
    def known_operation(self) -> Operation | None:
        """What is asked, where we know it by name."""
        try:
            return Operation(self.code)
        except ValueError:
            return None

    @property
    def operation(self) -> Group:
        """The operation attributes; empty when the message has none."""
        return self.group(Tag.OPERATION)

    @property
    def job(self) -> Group:
        return self.group(Tag.JOB)

    @property
    def printer(self) -> Group:
        return self.group(Tag.PRINTER)

    def group(self, tag: int) -> Group:
        """The first group with this tag; an empty one when there is none."""
        for group in self.groups:
            if group.tag == tag:
                return group
        return Group(tag)

    def list_groups(self, tag: int) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.tag == tag)
