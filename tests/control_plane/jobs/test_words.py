"""Why a job has not printed, in the language of whoever looks; gateways tell it in English."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from control_plane.jobs.models import Job
from control_plane.jobs.words import why_not_printed
from shared.i18n import reading_as
from shared.job_states import JobState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_job(state: JobState, message: str) -> Job:
    return Job(state=state, message=message, reasons=[], kept_until=NOON + timedelta(days=1))


def test_what_a_gateway_told_is_translated_for_the_reader() -> None:
    job = a_job(JobState.PENDING, "The printer does not answer; it may be switched off.")
    assert why_not_printed(job, NOON).startswith("The printer does not answer")
    with reading_as("de"):
        assert why_not_printed(job, NOON).startswith("Der Drucker antwortet nicht")


def test_of_a_printed_job_nothing_is_said() -> None:
    assert why_not_printed(a_job(JobState.COMPLETED, "It was printed."), NOON) == ""
