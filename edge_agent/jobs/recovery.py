"""What each saved state means after the power came back.

::

    pending-held, with holds          goes on waiting
    pending-held, without a hold      held for a person: we do not know why it waits
    pending, printer known            goes to its printer's runner
    pending, without a printer        waits for its owner
    processing, nothing sent          pending again: no paper can have come
    processing, bytes may have left   the printer is asked; if it cannot tell, held as uncertain
    processing-stopped                the same
    incoming                          its sender has five minutes; then it is aborted (retention)
    final                             nothing to do
    a state we do not know            read as held and uncertain (rows.py)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from edge_agent.jobs import words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.model import Job
from edge_agent.jobs.transaction import Transaction, select_jobs
from shared.job_states import Hold, JobEvent, JobState


class Decision(Enum):
    """What to do with a job that was found at start."""

    LEAVE = "leave"
    RUN = "run"
    RETURN = "return"
    ASK = "ask"
    HOLD_FOR_OWNER = "hold-for-owner"
    HOLD_UNCERTAIN = "hold-uncertain"


def decide(job: Job) -> Decision:
    """Look up what the job's saved state means."""
    if job.state.is_final:
        return Decision.LEAVE
    if job.state is JobState.PENDING_HELD:
        return Decision.LEAVE if job.holds else Decision.HOLD_UNCERTAIN
    if job.state is JobState.PENDING:
        return Decision.RUN if job.printer_id is not None else Decision.HOLD_FOR_OWNER
    if job.state is JobState.PROCESSING and not job.sending:
        return Decision.RETURN
    return Decision.ASK


def recover(tx: Transaction, changer: Changer) -> Sequence[Job]:
    """Settle what needs no printer; gives the jobs that do, oldest first.

    Those pending are to be run, those in processing are to be asked for.
    """
    unsettled = select_jobs(
        tx.connection, "state IN (3, 5, 6) OR (state = 4 AND holds = '') ORDER BY number"
    )
    settled = [_settle(tx, changer, job) for job in unsettled]
    return [job for job in settled if decide(job) in (Decision.RUN, Decision.ASK)]


def hold_uncertain(tx: Transaction, changer: Changer, job: Job) -> Job:
    """Hold a job for a person: nobody can tell whether it printed."""
    holds = frozenset({Hold.UNCERTAIN})
    return changer.change(
        tx,
        job,
        JobEvent.OUTCOME_UNKNOWN,
        holds=holds,
        message=words.of_holds(holds),
        reasons=(),
        sending=False,
    )


def _settle(tx: Transaction, changer: Changer, job: Job) -> Job:
    match decide(job):
        case Decision.RETURN:
            says = words.NOT_SENT
            return changer.change(tx, job, JobEvent.RETURNED, message=says, reasons=())
        case Decision.HOLD_FOR_OWNER:
            holds = frozenset({Hold.OWNER})
            says = words.of_holds(holds)
            return changer.change(tx, job, JobEvent.RETURNED, holds=holds, message=says)
        case Decision.HOLD_UNCERTAIN:
            holds = frozenset({Hold.UNCERTAIN})
            says = words.of_holds(holds)
            return changer.change(tx, job, JobEvent.HELD, holds=holds, message=says)
        case _:
            return job
