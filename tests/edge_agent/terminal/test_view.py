"""What a terminal shows of a job, in the language of whoever stands before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.jobs import words
from edge_agent.output.words import UNREACHABLE
from edge_agent.terminal.view import job_of
from shared.i18n import reading_as
from shared.ids import JobId, QueueId, new_id
from shared.job_states import Hold, JobState
from shared.messages.calls import WaitingJob

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_job(state: JobState, message: str, *reasons: Hold) -> WaitingJob:
    return WaitingJob(
        id=JobId(new_id()),
        title="report.pdf",
        queue_id=QueueId(new_id()),
        state=state,
        reasons=tuple(reason.value for reason in reasons),
        message=message,
        impressions=2,
        ticket={},
        source_host="pc",
        created_at=NOON,
        kept_until=NOON + timedelta(days=1),
    )


@pytest.mark.parametrize(
    ("job", "german"),
    [
        (a_job(JobState.PENDING, UNREACHABLE), "Der Drucker antwortet nicht"),
        (
            a_job(JobState.PENDING_HELD, words.HOLDS[Hold.UNCERTAIN], Hold.UNCERTAIN),
            "niemand weiß",
        ),
    ],
    ids=["unreachable", "uncertain"],
)
def test_why_a_job_cannot_be_printed_is_said_in_the_persons_language(
    job: WaitingJob, german: str
) -> None:
    assert job_of(job, NOON)["why_not"] == job.message
    with reading_as("de"):
        assert german in job_of(job, NOON)["why_not"]


def test_a_job_that_waits_for_its_owner_can_be_printed() -> None:
    assert job_of(a_job(JobState.PENDING_HELD, "", Hold.OWNER), NOON)["why_not"] == ""
