"""Facts: what a gateway tells the primary, exactly once and in order (lane ``facts``).

Each is one outbox row; ``entity`` groups the rows that must wait for each other. A job's facts
are ordered by ``(home_epoch, revision)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from shared.ids import (
    AccountId,
    CardId,
    JobId,
    PrinterId,
    QueueId,
    ReaderId,
    TerminalId,
    UserId,
)
from shared.job_states import JobState


@dataclass(frozen=True, slots=True)
class Source:
    """Where a job came from."""

    protocol: str  # ipp | ipps | lpd | raw | web
    address: str
    host: str | None = None  # job-originating-host-name, as the client says


@dataclass(frozen=True, slots=True)
class JobReceived:
    """A job was accepted: its documents are on disk, sealed."""

    KIND: ClassVar[str] = "job.received"
    job_id: JobId
    account_id: AccountId
    queue_id: QueueId
    number: int  # job-id at the gateway
    title: str
    state: JobState
    reasons: tuple[str, ...]  # job-state-reasons keywords
    identity: str  # verified | claimed | unknown
    owner_id: UserId | None
    claimed_name: str | None
    source: Source
    document_format: str
    size_bytes: int
    sha256: str  # of the documents as they came, hex
    received_ms: int  # from the first byte to the commit
    kept_until: datetime
    at: datetime
    home_epoch: int = 1
    revision: int = 1
    ticket: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""  # what its owner should know beside the reasons: ignored wishes, whose it is

    @property
    def entity(self) -> str:
        return f"job:{self.job_id}"


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job's state, holds or message changed; one line in its timeline."""

    KIND: ClassVar[str] = "job.changed"
    job_id: JobId
    account_id: AccountId
    event: str  # a JobEvent value, or: tapped, refused, waiting, sending
    state: JobState
    reasons: tuple[str, ...]
    at: datetime
    revision: int
    home_epoch: int = 1
    message: str = ""  # job-state-message: a sentence for its owner
    printer_id: PrinterId | None = None
    by: str = "system"  # card | terminal | ipp | portal | command | system
    by_user_id: UserId | None = None
    reader_id: ReaderId | None = None
    first_byte_ms: int | None = None  # from the tap to the first byte at the printer
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def entity(self) -> str:
        return f"job:{self.job_id}"


@dataclass(frozen=True, slots=True)
class JobCounted:
    """Pages of a job, from one source. ``impressions`` None means: not counted."""

    KIND: ClassVar[str] = "job.counted"
    job_id: JobId
    account_id: AccountId
    source: str  # document | printer | counter
    confidence: str  # high | low | none
    impressions: int | None
    at: datetime
    revision: int
    home_epoch: int = 1
    color_impressions: int | None = None
    note: str = ""  # e.g. why it was not counted

    @property
    def entity(self) -> str:
        return f"job:{self.job_id}"


@dataclass(frozen=True, slots=True)
class JobsListed:
    """The jobs that a gateway has, told once after a new epoch; what it lacks is lost.

    A part speaks of the ids above ``after`` up to ``upto``, so each can be applied by itself, and
    of jobs told under an earlier home epoch alone: later ones were told later.
    """

    KIND: ClassVar[str] = "jobs.listed"
    job_ids: tuple[JobId, ...]  # those that have not ended
    after: str  # the id that the part before ended with; empty: from the lowest on
    upto: str  # empty: to the highest
    home_epoch: int
    why: str  # as the epoch's: behind | forked | pruned
    at: datetime

    @property
    def entity(self) -> str:
        return "jobs"

    def speaks_of(self, job_id: str) -> bool:
        """Whether the job is in the range of this part, listed or not."""
        return self.after < job_id and (not self.upto or job_id <= self.upto)


@dataclass(frozen=True, slots=True)
class UsageRecorded:
    """What is charged for one printing of one job; ``id`` makes it exactly once."""

    KIND: ClassVar[str] = "usage.recorded"
    id: str
    job_id: JobId
    account_id: AccountId
    user_id: UserId | None
    printer_id: PrinterId
    impressions: int | None
    source: str
    confidence: str
    at: datetime
    copies: int = 1
    sides: str = "one-sided"
    printer_impressions: int | None = None  # what the printer itself said

    @property
    def entity(self) -> str:
        return f"job:{self.job_id}"


@dataclass(frozen=True, slots=True)
class AuditRecorded:
    """Something a person or device tried at the gateway: taps, sign-ins, refusals."""

    KIND: ClassVar[str] = "audit.recorded"
    id: str
    event: str  # e.g. card.unknown, card.tapped, sign-in.refused, ipp.refused, reader.refused
    outcome: str  # ok | refused
    at: datetime
    account_id: AccountId | None = None
    user_id: UserId | None = None
    card_id: CardId | None = None
    printer_id: PrinterId | None = None
    reader_id: ReaderId | None = None
    job_id: JobId | None = None
    source: str = ""  # address or device
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def entity(self) -> str:
        return f"audit:{self.account_id or '-'}"


@dataclass(frozen=True, slots=True)
class CardEnrolled:
    """Somebody signed in beside a card that nobody had, and wants it to be theirs.

    Who is told of first has it; the primary leaves a tombstone of ``card_id`` where it refuses.
    """

    KIND: ClassVar[str] = "card.enrolled"
    card_id: CardId
    account_id: AccountId
    user_id: UserId
    sealed_number: bytes  # the canonical number, sealed to the account's card_sealing_key
    card_hash: str  # what the gateway finds it by until it hears of it
    last4: str
    at: datetime
    printer_id: PrinterId | None = None
    reader_id: ReaderId | None = None

    @property
    def entity(self) -> str:
        return f"card:{self.card_id}"


@dataclass(frozen=True, slots=True)
class SignInCodeUsed:
    """Somebody signed in by a one-time code: it ends at all gateways."""

    KIND: ClassVar[str] = "code.used"
    code_id: str
    account_id: AccountId
    user_id: UserId
    at: datetime

    @property
    def entity(self) -> str:
        return f"code:{self.code_id}"


@dataclass(frozen=True, slots=True)
class TerminalPaired:
    """A screen was paired with a printer by a one-time code."""

    KIND: ClassVar[str] = "terminal.paired"
    terminal_id: TerminalId
    account_id: AccountId
    code_id: str
    printer_id: PrinterId
    reader_id: ReaderId | None
    name: str
    at: datetime

    @property
    def entity(self) -> str:
        return f"terminal:{self.terminal_id}"


@dataclass(frozen=True, slots=True)
class AccountForgotten:
    """The gateway has wiped rows, keys and documents of an account."""

    KIND: ClassVar[str] = "account.forgotten"
    account_id: AccountId
    documents: int
    at: datetime

    @property
    def entity(self) -> str:
        return f"account:{self.account_id}"


@dataclass(frozen=True, slots=True)
class CommandReported:
    """How far a command is; ``state`` as in shared.messages.commands.CommandState."""

    KIND: ClassVar[str] = "command.reported"
    command_id: str
    state: str
    at: datetime
    result: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def entity(self) -> str:
        return f"command:{self.command_id}"


Fact = (
    JobReceived
    | JobChanged
    | JobCounted
    | JobsListed
    | UsageRecorded
    | AuditRecorded
    | CardEnrolled
    | SignInCodeUsed
    | TerminalPaired
    | AccountForgotten
    | CommandReported
)

FACTS: Final[Mapping[str, type[Any]]] = {
    fact.KIND: fact
    for fact in (
        JobReceived,
        JobChanged,
        JobCounted,
        JobsListed,
        UsageRecorded,
        AuditRecorded,
        CardEnrolled,
        SignInCodeUsed,
        TerminalPaired,
        AccountForgotten,
        CommandReported,
    )
}
