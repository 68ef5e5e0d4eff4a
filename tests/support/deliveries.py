"""Jobs and documents as the runner hands them to a driver."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_agent.jobs.driver import Page, Progress
from edge_agent.jobs.model import Document, Job
from shared.ids import AccountId, DocumentId, JobId, PrinterId, QueueId, UserId, new_id
from shared.ipp import Attribute, Group, Tag, encode_groups
from shared.job_states import JobState
from shared.messages.events import Source
from shared.messages.records import PrinterRecord

NOW = datetime(2026, 11, 22, 10, 41, tzinfo=UTC)


def a_printer(uri: str) -> PrinterRecord:
    return PrinterRecord(PrinterId(new_id()), "Office", uri)


def a_job(*wishes: Attribute, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "id": JobId(new_id()),
        "number": 1,
        "account_id": AccountId(new_id()),
        "queue_id": QueueId(new_id()),
        "title": "report.pdf",
        "state": JobState.PROCESSING,
        "holds": frozenset(),
        "message": "",
        "reasons": (),
        "identity": "verified",
        "owner_id": UserId(new_id()),
        "claimed_name": "ada",
        "source": Source("ipp", "127.0.0.1"),
        "document_format": "application/pdf",
        "size_bytes": 1,
        "ticket": {},
        "ticket_ipp": encode_groups([Group(Tag.JOB, wishes)]) if wishes else b"",
        "language": "en",
        "created_at": NOW,
        "kept_until": NOW + timedelta(days=1),
        "revision": 1,
        "home_epoch": 1,
    }
    return Job(**{**values, **changes})


def a_page(data: bytes, *, number: int = 1, format: str = "application/pdf") -> Page:  # noqa: A002
    document = Document(
        id=DocumentId(new_id()),
        job_id=JobId(new_id()),
        number=number,
        format=format,
        name=f"part {number}",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        compression="none",
        location="segment:1:0:1",
    )
    return Page(document, lambda: in_chunks(data))


async def in_chunks(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@dataclass
class Heard:
    """What a driver reported."""

    progress: list[Progress] = field(default_factory=list)

    async def __call__(self, progress: Progress) -> None:
        self.progress.append(progress)
