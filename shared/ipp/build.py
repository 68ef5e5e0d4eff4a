"""Requests and responses with the attributes each must have (RFC 8011 sections 4.1.4 to 4.1.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from shared.ipp.message import Attribute, Group, Header, Message
from shared.ipp.tags import Tag
from shared.ipp.values import Charset, Integer, Name, NaturalLanguage, Text, Uri, Value

VERSION: Final = (2, 0)
MAX_STATUS_MESSAGE_OCTETS: Final = 255

T = TypeVar("T")


def attribute(name: str, *values: Value) -> Attribute:
    """``attribute("copies", Integer(2))``."""
    return Attribute(name, values)


def each(name: str, kind: Callable[[T], Value], items: Iterable[T]) -> Attribute:
    """``each("sides-supported", Keyword, ["one-sided", "two-sided-long-edge"])``."""
    return Attribute(name, tuple(kind(item) for item in items))


def request(
    operation: int,
    printer_uri: str,
    *,
    user: str | None = None,
    job_id: int | None = None,
    request_id: int = 1,
    attributes: Iterable[Attribute] = (),
    groups: Iterable[Group] = (),
    version: tuple[int, int] = VERSION,
    language: str = "en",
) -> Message:
    """Make a request: charset, language and target first, in the order the standard demands.

    Args:
        operation: An ``Operation``, or a number.
        printer_uri: The target; with ``job_id`` a job of it.
        user: ``requesting-user-name``.
        job_id: The target's job.
        request_id: From 1.
        attributes: Further operation attributes.
        groups: Job template attributes and other groups, after the operation's.
        version: Of the protocol.
        language: ``attributes-natural-language``.
    """
    named = [*_beginning(language), attribute("printer-uri", Uri(printer_uri))]
    if job_id is not None:
        named.append(attribute("job-id", Integer(job_id)))
    if user is not None:
        named.append(attribute("requesting-user-name", Name(user)))
    first = Group(Tag.OPERATION, (*named, *attributes))
    return Message(version, int(operation), request_id, (first, *groups))


def response(
    status: int,
    to: Message | Header | None,
    *,
    message: str = "",
    attributes: Iterable[Attribute] = (),
    groups: Iterable[Group] = (),
    version: tuple[int, int] | None = None,
    language: str = "en",
) -> Message:
    """Make a response to a request; ``to`` None when not even its header could be read.

    ``message`` is for people and becomes ``status-message``.
    """
    named = _beginning(language)
    if message:
        named.append(attribute("status-message", Text(shorten(message))))
    first = Group(Tag.OPERATION, (*named, *attributes))
    spoken = version or (to.version if to else VERSION)
    return Message(spoken, int(status), to.request_id if to else 0, (first, *groups))


def shorten(text: str, octets: int = MAX_STATUS_MESSAGE_OCTETS) -> str:
    """Cut text to a number of octets in UTF-8, between characters."""
    return text.encode("utf-8", "replace")[:octets].decode("utf-8", "ignore")


def _beginning(language: str) -> list[Attribute]:
    return [
        attribute("attributes-charset", Charset("utf-8")),
        attribute("attributes-natural-language", NaturalLanguage(language)),
    ]
