"""What every request must be, before anybody looks at what it asks (RFC 8011 section 4.1)."""

from __future__ import annotations

from typing import Final

from edge_agent.intake.ipp_call import RefusedError
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Group, Header, Message
from shared.ipp.tags import MAX_OCTETS, Tag
from shared.ipp.values import Charset, NaturalLanguage

_CHARSETS: Final = frozenset({"utf-8", "us-ascii"})
_MAJOR: Final = (1, 2)
_SHORTEST_LIMIT: Final = min(MAX_OCTETS.values()) // 4  # a character has four octets at most


def check_request(message: Message) -> Group:
    """Check version, request-id, charset, language and lengths; give the operation attributes.

    Raises:
        RefusedError: With the status that the standard names.
    """
    check_version(message.header)
    if message.request_id <= 0:
        raise _bad(_("A request-id is at least 1."))
    if not message.groups or message.groups[0].tag != Tag.OPERATION:
        raise _bad(_("The operation attributes must come first."))
    asked = message.groups[0]
    _check_beginning(asked)
    for group in message.groups:
        _check_lengths(group)
    return asked


def check_version(header: Header) -> None:
    """Check the version; 1.x and 2.x are spoken.

    Raises:
        RefusedError: Another one.
    """
    if header.version[0] not in _MAJOR:
        raise RefusedError(
            Status.SERVER_ERROR_VERSION_NOT_SUPPORTED,
            _("This queue speaks IPP 1.0 to 2.2."),
        )


def _check_beginning(asked: Group) -> None:
    attributes = asked.attributes
    if len(attributes) < 2 or (attributes[0].name, attributes[1].name) != (  # noqa: PLR2004
        "attributes-charset",
        "attributes-natural-language",
    ):
        raise _bad(_("attributes-charset and attributes-natural-language must come first."))
    charset, language = attributes[0].value, attributes[1].value
    if not isinstance(charset, Charset) or not isinstance(language, NaturalLanguage):
        raise _bad(_("attributes-charset and attributes-natural-language must come first."))
    if charset.value.lower() not in _CHARSETS:
        raise RefusedError(
            Status.CLIENT_ERROR_CHARSET_NOT_SUPPORTED, _("Only utf-8 is spoken here.")
        )


def _check_lengths(group: Group) -> None:
    for attribute in group.attributes:
        for value in attribute.values:
            content = getattr(value, "value", None)
            if content.__class__ is not str or len(content) < _SHORTEST_LIMIT:
                continue
            limit = MAX_OCTETS.get(Tag(value.tag))
            if limit is not None and len(content.encode()) > limit:
                raise RefusedError(
                    Status.CLIENT_ERROR_REQUEST_VALUE_TOO_LONG,
                    _("The value of %(name)s is too long.", name=attribute.name),
                    unsupported=(attribute,),
                )


def _bad(says: str) -> RefusedError:
    return RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, says)
