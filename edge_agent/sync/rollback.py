"""What happens here when the primary knows more than this database: it was set back in time.

A virtual machine was restored from a snapshot, or a disk was copied. A new epoch begins, in the
same transaction in which jobs that went to paper in the time we do not remember are held for a
person: nothing prints twice by itself, and what printed twice is told.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from edge_agent.jobs import outbox
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.transaction import Transaction
from shared.ids import JobId
from shared.job_states import Hold, JobEvent, JobState
from shared.messages.envelope import Lane

log = logging.getLogger(__name__)


def begin_anew(
    tx: Transaction, lane: Lane, why: str, known_released: Collection[str], changer: Changer
) -> None:
    """Begin a new epoch of a lane; hold what the primary knows as released."""
    epoch = outbox.new_epoch(tx.connection, lane, why=why, raise_home_epoch=lane is Lane.FACTS)
    log.warning("lane %s: a new epoch %s begins (%s)", lane.value, epoch, why)
    if lane is not Lane.FACTS:
        return
    # Events of our jobs come after those of the same revision that the primary has already.
    tx.connection.execute("UPDATE jobs SET home_epoch = home_epoch + 1")
    for job_id in known_released:
        job = tx.find_job(JobId(job_id))
        if job is not None and job.state in (JobState.PENDING, JobState.PENDING_HELD):
            changer.change(
                tx,
                job,
                JobEvent.HELD,
                state=JobState.PENDING_HELD,
                holds=job.holds | {Hold.UNCERTAIN},
                message=WENT_ALREADY,
                detail={"why": "set-back"},
            )


WENT_ALREADY = (
    "This gateway was set back to an earlier time, and the job went to a printer since then."
    " Look at the printer, then print it again or delete it."
)
