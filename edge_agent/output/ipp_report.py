"""What a printer says about a job of ours: read with suspicion, kept in range."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from edge_agent.jobs.driver import Outcome, Result
from edge_agent.jobs.model import Job
from edge_agent.output import words
from shared.ipp import Group
from shared.ipp.build import shorten
from shared.job_states import JobState

MAX_IMPRESSIONS: Final = 10_000_000
MAX_JOB_ID: Final = 2**31 - 1
MAX_TEXT: Final = 200

ASKED: Final = (
    "job-id",
    "job-state",
    "job-state-reasons",
    "job-state-message",
    "job-impressions-completed",
    "job-media-sheets-completed",
)

_STOPPED: Final = frozenset({"printer-stopped", "printer-stopped-partly"})
_BAD_DOCUMENT: Final = frozenset(
    {"document-format-error", "document-unprintable-error", "unsupported-document-format"}
)


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job at the printer; ``state`` None when the printer says nothing we understand."""

    printer_job_id: int
    state: JobState | None
    reasons: frozenset[str] = frozenset()
    message: str = ""
    impressions: int | None = None
    sheets: int | None = None

    @classmethod
    def of(cls, printer_job_id: int, job: Group) -> JobReport:
        return cls(
            printer_job_id=printer_job_id,
            state=_state(job.find_integer("job-state")),
            reasons=frozenset(job.list_words("job-state-reasons")[:50]),
            message=clean(job.find_text("job-state-message") or ""),
            impressions=_count(job.find_integer("job-impressions-completed")),
            sheets=_count(job.find_integer("job-media-sheets-completed")),
        )

    @property
    def is_final(self) -> bool:
        return self.state is not None and self.state.is_final

    @property
    def is_stopped(self) -> bool:
        return self.state is JobState.PROCESSING_STOPPED or bool(self.reasons & _STOPPED)

    @property
    def still_receives(self) -> bool:
        """Whether the printer waits for more of the document."""
        return "job-incoming" in self.reasons or "job-data-insufficient" in self.reasons

    def outcome(self) -> Outcome:
        """How it ended; only for a job in a final state."""
        result, says = {
            JobState.COMPLETED: (Result.PRINTED, words.PRINTED),
            JobState.CANCELED: (Result.CANCELED_AT_PRINTER, words.CANCELED),
        }.get(self.state or JobState.ABORTED, (Result.REFUSED, self._why_aborted()))
        return self.ended(result, says)

    def ended(self, result: Result, says: str) -> Outcome:
        return Outcome(result, says, self.impressions, self.sheets, self.printer_job_id)

    def _why_aborted(self) -> str:
        if self.reasons & _BAD_DOCUMENT:
            return words.BAD_DOCUMENT
        return f"{words.ABORTED} ({self.message})" if self.message else words.ABORTED


def job_id(job: Group) -> int | None:
    """The number that the printer gave the job, where it is one."""
    number = job.find_integer("job-id")
    return number if number is not None and 0 < number <= MAX_JOB_ID else None


def job_name(job: Job) -> str:
    """What a job of ours is called at a printer."""
    return shorten(clean(job.title) or "untitled")


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """A printer's text without control characters, on one line, and short."""
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: limit * 4])
    return " ".join(shown.split())[:limit]


def _state(number: int | None) -> JobState | None:
    try:
        return None if number is None else JobState(number)
    except ValueError:
        return None


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= MAX_IMPRESSIONS else None
