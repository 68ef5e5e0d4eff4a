"""A job as the gateway keeps it, and what is handed in to make one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.crypto.documents import Recipient
from shared.ids import AccountId, DocumentId, JobId, PrinterId, QueueId, ReaderId, UserId
from shared.job_states import Hold, JobState
from shared.messages.events import Source


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to a job, for the timeline and the audit."""

    by: str  # card | terminal | ipp | portal | command | system
    user_id: UserId | None = None
    name: str = ""
    reader_id: ReaderId | None = None
    address: str = ""
    tapped_at: float | None = None  # Clock.monotonic() when the card's line arrived


SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class NewJob:
    """What intake knows when a job begins."""

    account_id: AccountId
    queue_id: QueueId
    title: str
    identity: str  # verified | claimed | unknown
    owner_id: UserId | None  # known user, verified or matched by the claimed name
    claimed_name: str | None  # the canonical claimed name, where identity is 'claimed'
    source: Source
    holds: frozenset[Hold]  # empty: goes on to printer_id at once
    printer_id: PrinterId | None  # direct queues
    retention_seconds: int
    ticket: Mapping[str, Any] = field(default_factory=dict)  # job template attributes, by name
    ticket_ipp: bytes = b""  # the same, as an encoded IPP job-attributes group, to send on
    language: str = "en"
    keep_after_printing: bool = False
    message: str = ""  # what was ignored or substituted, in words
    id: JobId | None = None  # where it was promised before; there is only one job of an id


@dataclass(frozen=True, slots=True)
class Document:
    """One sealed document of a job."""

    id: DocumentId
    job_id: JobId
    number: int  # from 1
    format: str  # MIME media type
    name: str
    size_bytes: int  # as it came, before sealing
    sha256: str  # hex, as it came
    compression: str  # none: documents are stored uncompressed
    location: str  # 'segment:<n>:<offset>:<length>' or 'file:<document id>'
    account_id: AccountId = AccountId("")  # noqa: RUF009
    recipients: tuple[Recipient, ...] = ()  # whose keys open it; now this gateway's day key


@dataclass(frozen=True, slots=True)
class Job:
    """One job; the row in ``jobs``."""

    id: JobId
    number: int  # job-id at this gateway, from 1
    account_id: AccountId
    queue_id: QueueId
    title: str
    state: JobState
    holds: frozenset[Hold]
    message: str  # job-state-message
    reasons: tuple[str, ...]  # job-state-reasons beyond the holds
    identity: str
    owner_id: UserId | None
    claimed_name: str | None
    source: Source
    document_format: str
    size_bytes: int
    ticket: Mapping[str, Any]
    ticket_ipp: bytes
    language: str
    created_at: datetime
    kept_until: datetime
    revision: int
    home_epoch: int
    printer_id: PrinterId | None = None
    processing_at: datetime | None = None
    completed_at: datetime | None = None
    impressions: int | None = None  # counted before printing
    impressions_source: str | None = None
    impressions_confidence: str | None = None
    impressions_completed: int | None = None  # the printer's own figure
    printer_job_id: int | None = None  # job-id at the printer, once it is known
    sending: bool = False  # the durable mark: bytes may have left
    keep_after_printing: bool = False
    last_document: bool = True  # False while Create-Job waits for more documents
