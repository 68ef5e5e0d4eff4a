"""Jobs and documents to rows and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from edge_agent.jobs.model import Document, Job
from shared.crypto.documents import Recipient
from shared.job_states import Hold, JobState
from shared.messages.events import Source

JOB_COLUMNS: Final = (
    "number, id, account_id, queue_id, title, state, holds, message, reasons, identity, owner_id,"
    " claimed_name, source_protocol, source_address, source_host, document_format, size_bytes,"
    " ticket, ticket_ipp, language, created_at, kept_until, revision, home_epoch, printer_id,"
    " processing_at, completed_at, impressions, impressions_source, impressions_confidence,"
    " impressions_completed, printer_job_id, sending, keep_after_printing, last_document"
)
DOCUMENT_COLUMNS: Final = (
    "id, job_id, number, format, name, size_bytes, sha256, compression, location, account_id,"
    " key_id, wrapped_key"
)
_HOLDS: Final = {hold.value: hold for hold in Hold}
_STATES: Final = {int(state): state for state in JobState}


def _moment(at: datetime | None) -> int | None:
    return None if at is None else to_milliseconds(at)


def to_milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def from_milliseconds(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _holds_text(holds: frozenset[Hold]) -> str:
    return " ".join(sorted(hold.value for hold in holds))


def holds_of(text: str) -> frozenset[Hold]:
    """Read holds; a keyword of another release counts as one that a person must look at."""
    return frozenset(_HOLDS.get(word, Hold.UNCERTAIN) for word in text.split())


_WRITE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "state": int,
    "holds": _holds_text,
    "reasons": " ".join,
    "ticket": lambda ticket: json.dumps(dict(ticket), separators=(",", ":")),
    "created_at": to_milliseconds,
    "kept_until": to_milliseconds,
    "processing_at": _moment,
    "completed_at": _moment,
    "sending": int,
    "keep_after_printing": int,
    "last_document": int,
}


def to_columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Turn changed fields of a job into column values."""
    return {
        name: _WRITE[name](value) if name in _WRITE else value for name, value in changes.items()
    }


def job_row(job: Job) -> tuple[Any, ...]:
    """Write a job in the order of ``JOB_COLUMNS``."""
    return (
        job.number,
        job.id,
        job.account_id,
        job.queue_id,
        job.title,
        int(job.state),
        _holds_text(job.holds),
        job.message,
        " ".join(job.reasons),
        job.identity,
        job.owner_id,
        job.claimed_name,
        job.source.protocol,
        job.source.address,
        job.source.host,
        job.document_format,
        job.size_bytes,
        json.dumps(dict(job.ticket), separators=(",", ":")) if job.ticket else "{}",
        job.ticket_ipp,
        job.language,
        to_milliseconds(job.created_at),
        to_milliseconds(job.kept_until),
        job.revision,
        job.home_epoch,
        job.printer_id,
        _moment(job.processing_at),
        _moment(job.completed_at),
        job.impressions,
        job.impressions_source,
        job.impressions_confidence,
        job.impressions_completed,
        job.printer_job_id,
        int(job.sending),
        int(job.keep_after_printing),
        int(job.last_document),
    )


def job_of(row: tuple[Any, ...]) -> Job:
    """Read a row in the order of ``JOB_COLUMNS``; a state we do not know is one to look at."""
    state, holds = _STATES.get(row[5]), holds_of(row[6])
    if state is None:
        state, holds = JobState.PENDING_HELD, holds | {Hold.UNCERTAIN}
    return Job(
        id=row[1],
        number=row[0],
        account_id=row[2],
        queue_id=row[3],
        title=row[4],
        state=state,
        holds=holds,
        message=row[7],
        reasons=tuple(row[8].split()),
        identity=row[9],
        owner_id=row[10],
        claimed_name=row[11],
        source=Source(row[12], row[13], row[14]),
        document_format=row[15],
        size_bytes=row[16],
        ticket=json.loads(row[17]),
        ticket_ipp=row[18],
        language=row[19],
        created_at=from_milliseconds(row[20]),
        kept_until=from_milliseconds(row[21]),
        revision=row[22],
        home_epoch=row[23],
        printer_id=row[24],
        processing_at=None if row[25] is None else from_milliseconds(row[25]),
        completed_at=None if row[26] is None else from_milliseconds(row[26]),
        impressions=row[27],
        impressions_source=row[28],
        impressions_confidence=row[29],
        impressions_completed=row[30],
        printer_job_id=row[31],
        sending=bool(row[32]),
        keep_after_printing=bool(row[33]),
        last_document=bool(row[34]),
    )


def document_of(row: tuple[Any, ...]) -> Document:
    """Read a row in the order of ``DOCUMENT_COLUMNS``."""
    return Document(*(*row[:10], (Recipient(row[10], row[11]),)))
