"""IPP messages as bytes and back, without I/O (RFC 8010, RFC 8011); standard library only."""

from shared.ipp.build import attribute, each, request, response
from shared.ipp.decode import Decoder, decode_groups, decode_message
from shared.ipp.encode import EncodeError, encode_groups, encode_message
from shared.ipp.enums import Operation, Status
from shared.ipp.errors import DecodeError
from shared.ipp.message import Attribute, Group, Header, Message, MissingAttributeError
from shared.ipp.tags import Tag

__all__ = [
    "Attribute",
    "DecodeError",
    "Decoder",
    "EncodeError",
    "Group",
    "Header",
    "Message",
    "MissingAttributeError",
    "Operation",
    "Status",
    "Tag",
    "attribute",
    "decode_groups",
    "decode_message",
    "each",
    "encode_groups",
    "encode_message",
    "request",
    "response",
]
