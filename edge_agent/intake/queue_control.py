"""What an operator's word does to the jobs of a queue: all of them, in bounded transactions."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.jobs import words
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.errors import IllegalTransitionError
from edge_agent.jobs.model import Actor, Job
from edge_agent.jobs.service import JobService
from edge_agent.jobs.transaction import Transaction, select_jobs
from shared.ids import JobId, QueueId
from shared.job_states import Hold, JobEvent, JobState

_AT_ONCE = 200
_WAITING = (JobState.PENDING, JobState.PENDING_HELD)

Change = Callable[[Transaction, Job], object]


class QueueControl:
    """Changes the jobs of a queue."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @property
    def _changer(self) -> Changer:
        return self._jobs.changer

    async def add_hold(self, queue_id: QueueId, hold: Hold, actor: Actor) -> None:
        """Hold every job that waits."""

        def change(tx: Transaction, job: Job) -> None:
            if hold not in job.holds:
                set_hold(tx, self._changer, job, hold, actor)

        await self._each(queue_id, "state IN (3, 4)", change)

    async def lift_hold(self, queue_id: QueueId, hold: Hold, actor: Actor) -> None:
        """Lift a hold from every job that has it."""

        def change(tx: Transaction, job: Job) -> None:
            if hold in job.holds:
                lift_hold(tx, self._changer, job, hold, actor)

        await self._each(queue_id, "state = 4", change)

    async def cancel_all(self, queue_id: QueueId, actor: Actor) -> int:
        """Cancel every job that is not final; gives the highest number that there was."""
        for job_id in await self._active(queue_id):
            try:
                await self._jobs.cancel(job_id, actor)
            except IllegalTransitionError:
                continue  # it ended by itself meanwhile
        return await self._jobs.store.read(
            lambda c: c.execute("SELECT coalesce(max(number), 0) FROM jobs").fetchone()[0]
        )

    async def find_current(self, queue_id: QueueId) -> Job | None:
        """Find the job that is being printed."""
        found = await self._jobs.store.read(
            lambda c: select_jobs(
                c, "queue_id = ? AND state IN (5, 6) ORDER BY number LIMIT 1", (queue_id,)
            )
        )
        return found[0] if found else None

    async def count(self, queue_id: QueueId) -> tuple[int, int]:
        """Count the jobs that are not final, and those of them that are being printed."""
        row = await self._jobs.store.read(
            lambda c: c.execute(
                "SELECT count(*), count(*) FILTER (WHERE state IN (5, 6)) FROM jobs"
                " WHERE queue_id = ? AND state < 7",
                (queue_id,),
            ).fetchone()
        )
        return int(row[0]), int(row[1])

    async def _active(self, queue_id: QueueId) -> list[JobId]:
        rows = await self._jobs.store.read(
            lambda c: c.execute(
                "SELECT id FROM jobs WHERE queue_id = ? AND state < 7 ORDER BY number", (queue_id,)
            ).fetchall()
        )
        return [JobId(row[0]) for row in rows]

    async def _each(self, queue_id: QueueId, where: str, change: Change) -> None:
        after = 0
        while True:
            number = await self._jobs.store.submit(
                lambda tx, after=after: _some(tx, queue_id, where, after, change)  # type: ignore[misc]
            )
            if number is None:
                return
            after = number


def set_hold(tx: Transaction, changer: Changer, job: Job, hold: Hold, actor: Actor) -> Job:
    holds = job.holds | {hold}
    says = words.with_remark(holds, words.remark_of(job.message))
    return changer.change(tx, job, JobEvent.HELD, by=actor, holds=holds, message=says)


def lift_hold(tx: Transaction, changer: Changer, job: Job, hold: Hold, actor: Actor) -> Job:
    """Lift one hold; with the last one the job goes on."""
    if hold not in job.holds:
        raise IllegalTransitionError(job.state, JobEvent.RELEASED)
    holds = job.holds - {hold}
    event = JobEvent.HELD if holds else JobEvent.RELEASED
    # What the operator was to look at has been looked at; every other remark stays.
    remark = "" if hold is Hold.NEW else words.remark_of(job.message)
    says = words.with_remark(holds, remark)
    return changer.change(tx, job, event, by=actor, holds=holds, message=says)


def suspend(tx: Transaction, changer: Changer, job: Job, actor: Actor) -> Job:
    """Take a job back from its printer while nothing of it has been sent.

    Raises:
        IllegalTransitionError: It is not being printed, or bytes may have left.
    """
    if job.state is not JobState.PROCESSING or job.sending:
        raise IllegalTransitionError(job.state, JobEvent.HELD)
    returned = changer.change(tx, job, JobEvent.RETURNED, by=actor, reasons=())
    return set_hold(tx, changer, returned, Hold.SUSPENDED, actor)


def _some(tx: Transaction, queue_id: QueueId, where: str, after: int, change: Change) -> int | None:
    jobs = select_jobs(
        tx.connection,
        f"queue_id = ? AND {where} AND number > ? ORDER BY number LIMIT ?",
        (queue_id, after, _AT_ONCE),
    )
    for job in jobs:
        change(tx, job)
    return jobs[-1].number if len(jobs) == _AT_ONCE else None
