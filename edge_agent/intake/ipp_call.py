"""One IPP request on its way through the operations, and how one of them says no."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from edge_agent.intake.access import Requester
from edge_agent.intake.targets import Target
from shared.ipp.build import response
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag


class BodyCutShortError(ConnectionError):
    """The document ended before its promised end: whoever sent it has gone."""


class RefusedError(Exception):
    """The answer is an error status; ``says`` is for the person, ``reason`` for the audit.

    Without a ``reason`` it is an ordinary no that nobody needs to be told of.
    """

    def __init__(
        self,
        status: Status,
        says: str,
        *,
        reason: str = "",
        unsupported: Iterable[Attribute] = (),
    ) -> None:
        super().__init__(says)
        self.status = status
        self.says = says
        self.reason = reason
        self.unsupported = tuple(unsupported)


class SignInNeededError(Exception):
    """HTTP 401: whoever asks may do it after signing in."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class IppCall:
    """One request: what is asked, of which queue, by whom, and where its document comes from."""

    message: Message
    operation: Operation
    target: Target
    requester: Requester
    authority: str  # the verified host and port that the client used
    body: AsyncIterator[bytes]
    began_at: float  # monotonic, of the request's first byte
    job_number: int | None = None  # from the request's path
    language: str = "en"
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        return "ipps" if self.requester.secure else "ipp"

    @property
    def printer_uri(self) -> str:
        """The queue as the client reached it; every URI in an answer begins with it."""
        return f"{self.scheme}://{self.authority}{self.target.named_path}"

    @property
    def asked(self) -> Group:
        """The operation attributes."""
        return self.message.groups[0]

    def ok(
        self,
        groups: Iterable[Group] = (),
        *,
        status: Status = Status.SUCCESSFUL_OK,
        says: str = "",
        attributes: Iterable[Attribute] = (),
    ) -> Message:
        """Answer the request."""
        return response(
            status,
            self.message,
            message=says,
            groups=groups,
            attributes=attributes,
            language=self.language,
        )


def unsupported_group(attributes: tuple[Attribute, ...]) -> tuple[Group, ...]:
    return (Group(Tag.UNSUPPORTED, attributes),) if attributes else ()
