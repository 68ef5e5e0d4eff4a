"""Release: which of a person's jobs go to a printer, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.jobs import words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.transaction import Transaction, select_jobs
from shared.ids import AccountId, JobId, PrinterId, UserId
from shared.job_states import Hold, JobEvent, JobState
from shared.messages.calls import Released

MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Release:
    """What a person at a printer asks for; empty ``job_ids`` means all that wait."""

    account_id: AccountId
    owner_id: UserId
    job_ids: tuple[JobId, ...]
    printer_id: PrinterId
    actor: Actor

    def run(
        self, tx: Transaction, changer: Changer, note: Callable[[Job], None] | None = None
    ) -> Released:
        """Release in the caller's transaction; ``note`` is called with each before the commit."""
        released, refused = list[JobId](), dict[str, str]()
        for job_id, job in self._chosen(tx):
            says = words.NO_SUCH_JOB if job is None else self._refusal(job)
            if job is None or says is not None:
                refused[job_id] = says or words.NO_SUCH_JOB
                continue
            self._release(tx, changer, job)
            released.append(job_id)
            if note is not None:
                note(job)
        return Released(tuple(released), refused)

    def _chosen(self, tx: Transaction) -> list[tuple[JobId, Job | None]]:
        if self.job_ids:
            return [(job_id, tx.find_job(job_id)) for job_id in dict.fromkeys(self.job_ids)]
        waiting = select_jobs(
            tx.connection,
            "account_id = ? AND owner_id = ? AND state < 7 ORDER BY number LIMIT ?",
            (self.account_id, self.owner_id, MOST_AT_ONCE),
        )
        return [(job.id, job) for job in waiting]

    def _refusal(self, job: Job) -> str | None:  # noqa: PLR0911
        """Say why not; None: it can go."""
        if (job.account_id, job.owner_id) != (self.account_id, self.owner_id):
            return words.NO_SUCH_JOB
        if job.state.is_final:
            return words.IS_OVER
        if job.state in (JobState.PROCESSING, JobState.PROCESSING_STOPPED):
            return words.IS_PRINTING
        if Hold.INCOMING in job.holds:
            return words.STILL_COMING
        for hold in (Hold.QUARANTINE, Hold.PAUSED, Hold.NEW):
            if hold in job.holds:
                return words.HOLDS[hold]
        if Hold.UNCERTAIN in job.holds and not self.job_ids:
            return words.LOOK_FIRST
        if job.state is JobState.PENDING and job.printer_id == self.printer_id:
            return words.ON_ITS_WAY
        return None

    def _release(self, tx: Transaction, changer: Changer, job: Job) -> None:
        # A released job whose printer stays away may go to another one: the state is the same,
        # and the runner of the first printer finds that the job is no longer its own.
        changer.change(
            tx,
            job,
            JobEvent.RELEASED,
            by=self.actor,
            state=JobState.PENDING,
            holds=frozenset(),
            printer_id=self.printer_id,
            printer_job_id=None,
            message=words.PENDING,
            reasons=(),
        )
