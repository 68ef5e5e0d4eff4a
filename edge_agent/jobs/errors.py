"""Why something could not be done to a job; ``IllegalTransitionError`` is in shared.job_states."""

from __future__ import annotations

from edge_agent.spool.errors import DocumentGoneError, SpoolFullError
from shared.job_states import IllegalTransitionError

__all__ = [
    "DocumentGoneError",
    "IllegalTransitionError",
    "JobExistsError",
    "JobNotFoundError",
    "JobStoreError",
    "SpoolFullError",
]


class JobExistsError(Exception):
    """There is a job of this id: what made it was used before."""

    def __init__(self, job_id: object) -> None:
        super().__init__(f"there is a job {job_id} already")
        self.job_id = job_id


class JobNotFoundError(Exception):
    """No such job, or it is somebody else's; answer 404, 'client-error-not-found'."""

    def __init__(self, which: object) -> None:
        super().__init__(f"there is no job {which}")
        self.which = which


class JobStoreError(Exception):
    """The job database cannot be used; the sentence is for the administrator."""
