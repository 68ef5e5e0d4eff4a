"""What decoding can raise."""

from __future__ import annotations

from shared.ipp.message import Header


class DecodeError(Exception):
    """The bytes are not an IPP message; answer 'client-error-bad-request'.

    ``offset`` is where, counted from the first octet of the message. ``header`` is there when
    eight octets had arrived, so that the answer can carry the request's own request-id.
    """

    def __init__(self, what: str, offset: int, header: Header | None = None) -> None:
        super().__init__(f"{what} at octet {offset}")
        self.what = what
        self.offset = offset
        self.header = header


class EndsEarlyError(DecodeError):
    """So far it could be a message; more must come."""

    def __init__(self, offset: int, header: Header | None = None) -> None:
        super().__init__("the message ends early", offset, header)
