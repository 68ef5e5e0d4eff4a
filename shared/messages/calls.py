"""What the services of a gateway ask each other, also when both run in one process.

Frozen messages with deadline and idempotency key.

Streams of bytes never travel in a call: ``FetchDocument`` answers with a handle that the storage
service opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from shared.ids import (
    AccountId,
    CardId,
    DocumentId,
    JobId,
    PrinterId,
    QueueId,
    ReaderId,
    UserId,
)
from shared.job_states import JobState


@dataclass(frozen=True, slots=True)
class CallHeader:
    """In every call: until when an answer is of use, and the key that makes a repeat harmless."""

    deadline: datetime
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class AuthenticateCard:
    """Whose card is this? Asked of Authentication."""

    CALL: ClassVar[str] = "authenticate-card"
    header: CallHeader
    account_id: AccountId
    card_number: str  # as the reader gave it, after its profile's transform
    reader_id: ReaderId | None = None
    pin: str | None = None


@dataclass(frozen=True, slots=True)
class AuthenticatePassword:
    """User name with password or PIN. Asked of Authentication."""

    CALL: ClassVar[str] = "authenticate-password"
    header: CallHeader
    account_id: AccountId
    username: str
    password: str
    device: str  # terminal or reader id, or the source address
    is_pin: bool = False


@dataclass(frozen=True, slots=True)
class EnrolCard:
    """Let the card be theirs who signs in so beside it. Asked of Authentication."""

    CALL: ClassVar[str] = "enrol-card"
    header: CallHeader
    account_id: AccountId
    card_number: str  # as in AuthenticateCard
    username: str
    password: str  # or PIN
    device: str
    printer_id: PrinterId | None = None
    reader_id: ReaderId | None = None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The answer to all three. ``reason`` is for the audit, ``says`` for the person."""

    ok: bool
    says: str
    # ok | code (it was a one-time code) | unknown-card | may-enrol | card-taken | unknown-user |
    # wrong-password | locked | disabled | pin-needed
    reason: str = "ok"
    user_id: UserId | None = None
    username: str = ""
    display_name: str = ""
    card_id: CardId | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class ListWaitingJobs:
    """A person's waiting jobs, oldest first. Asked of Storage."""

    CALL: ClassVar[str] = "list-waiting-jobs"
    header: CallHeader
    account_id: AccountId
    owner_id: UserId
    limit: int = 100


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job as its owner sees it at a printer."""

    id: JobId
    title: str
    queue_id: QueueId
    state: JobState
    reasons: tuple[str, ...]
    message: str
    impressions: int | None
    ticket: Mapping[str, Any]
    source_host: str
    created_at: datetime
    kept_until: datetime
    identity: str = "verified"


@dataclass(frozen=True, slots=True)
class WaitingJobs:
    jobs: tuple[WaitingJob, ...]


@dataclass(frozen=True, slots=True)
class ReleaseJobs:
    """Release a person's jobs to a printer. Asked of Storage.

    Repeated with the same key it releases nothing more.
    """

    CALL: ClassVar[str] = "release-jobs"
    header: CallHeader
    account_id: AccountId
    owner_id: UserId
    job_ids: tuple[JobId, ...]  # empty: everything that waits
    printer_id: PrinterId
    by: str  # card | terminal | portal | command
    reader_id: ReaderId | None = None
    tap_age_ms: int | None = None  # since the card's line arrived


@dataclass(frozen=True, slots=True)
class Released:
    """Which went to the printer, and why the others did not."""

    released: tuple[JobId, ...]
    refused: Mapping[str, str] = field(default_factory=dict)  # job id to a sentence


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """A person deletes a waiting job of theirs. Asked of Storage."""

    CALL: ClassVar[str] = "delete-job"
    header: CallHeader
    account_id: AccountId
    owner_id: UserId
    job_id: JobId
    by: str


@dataclass(frozen=True, slots=True)
class Deleted:
    ok: bool
    says: str = ""


@dataclass(frozen=True, slots=True)
class FetchDocument:
    """A document of a job that is being printed. Asked of Storage by Document Output."""

    CALL: ClassVar[str] = "fetch-document"
    header: CallHeader
    account_id: AccountId
    job_id: JobId
    number: int


@dataclass(frozen=True, slots=True)
class DocumentHandle:
    """Where the bytes are; opened by ``Storage.open_document``."""

    document_id: DocumentId
    job_id: JobId
    number: int
    format: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """A released job is to be printed. Asked of Document Output by Storage."""

    CALL: ClassVar[str] = "deliver"
    header: CallHeader
    account_id: AccountId
    job_id: JobId
    printer_id: PrinterId


@dataclass(frozen=True, slots=True)
class DeliveryTaken:
    """Document Output will follow the job to its end and report its outcome to Storage."""

    ok: bool
    says: str = ""


ANSWERS: Final[Mapping[type[Any], type[Any]]] = {
    AuthenticateCard: Authenticated,
    AuthenticatePassword: Authenticated,
    EnrolCard: Authenticated,
    ListWaitingJobs: WaitingJobs,
    ReleaseJobs: Released,
    DeleteJob: Deleted,
    FetchDocument: DocumentHandle,
    Deliver: DeliveryTaken,
}
