"""Who is told of jobs: once it is committed, on the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from edge_agent.jobs.model import Job
from shared.job_states import JobState

Told = Callable[[Job], None]
Reordered = Callable[[Job, Job | None], Awaitable[None]]


class Listeners:
    """Calls back whoever asked to be told."""

    def __init__(self) -> None:
        self._changed: list[Told] = []
        self._pending: list[Told] = []
        self._canceled: list[Told] = []
        self._reordered: list[Reordered] = []

    def on_changed(self, callback: Told) -> None:
        """Call back after every committed change of a job."""
        self._changed.append(callback)

    def on_pending(self, callback: Told) -> None:
        """Call back when a job has become pending with a printer."""
        self._pending.append(callback)

    def on_canceled(self, callback: Told) -> None:
        """Call back when a job was canceled while it was being printed."""
        self._canceled.append(callback)

    def on_reordered(self, callback: Reordered) -> None:
        """Call back when a pending job is to come after another one, or next."""
        self._reordered.append(callback)

    def tell_changed(self, job: Job) -> None:
        for callback in self._changed:
            callback(job)
        if job.state is JobState.PENDING and job.printer_id is not None:
            for callback in self._pending:
                callback(job)

    def tell_canceled(self, job: Job) -> None:
        for callback in self._canceled:
            callback(job)

    async def tell_reordered(self, job: Job, after: Job | None) -> None:
        for callback in self._reordered:
            await callback(job, after)
