"""What is charged for a printing, and which figure it rests on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edge_agent.jobs.model import Job
from shared.ids import PrinterId, new_id
from shared.job_states import JobState
from shared.messages.events import JobCounted, UsageRecorded


def usage(job: Job, at: datetime) -> UsageRecorded:
    """Record a printing: impressions of all copies, counted before printing where possible.

    What was canceled half way is charged by the printer's own figure alone.
    """
    copies = _number(job.ticket.get("copies"), 1)
    whole = job.state is JobState.COMPLETED
    if whole and job.impressions is not None:
        impressions: int | None = job.impressions * copies
        source, confidence = job.impressions_source, job.impressions_confidence
    elif job.impressions_completed is not None:
        impressions, source, confidence = job.impressions_completed, "printer", "low"
    else:
        impressions, source, confidence = None, "document", "none"
    return UsageRecorded(
        id=new_id(),
        job_id=job.id,
        account_id=job.account_id,
        user_id=job.owner_id,
        printer_id=job.printer_id or PrinterId(""),
        impressions=impressions,
        source=source or "document",
        confidence=confidence or "none",
        at=at,
        copies=copies,
        sides=str(job.ticket.get("sides", "one-sided")),
        printer_impressions=job.impressions_completed,
    )


def printer_count(job: Job, impressions: int, at: datetime) -> JobCounted:
    """Tell the printer's own figure."""
    return JobCounted(
        job_id=job.id,
        account_id=job.account_id,
        source="printer",
        confidence="low",
        impressions=impressions,
        at=at,
        revision=job.revision,
        home_epoch=job.home_epoch,
    )


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) and value > 0 else default
