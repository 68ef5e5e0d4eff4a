"""The life of a job, as a table (RFC 8011 section 5.3.7), and why it may be held.

::

    accepted -> PENDING_HELD -released-> PENDING -started-> PROCESSING -printed-> COMPLETED
                     ^                      |                   |
                     +------- returned -----+----- returned ----+   (nothing was sent)
                     +---------------- outcome unknown ---------+   (hold UNCERTAIN)

A job is PENDING_HELD exactly while its set of holds is not empty; every hold has a keyword for
``job-state-reasons`` (I9: every hold has a reason that its owner can read).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, IntEnum
from typing import Final


class JobState(IntEnum):
    """Values of ``job-state`` (RFC 8011 section 5.3.7)."""

    PENDING = 3
    PENDING_HELD = 4
    PROCESSING = 5
    PROCESSING_STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9

    @property
    def keyword(self) -> str:
        return self.name.lower().replace("_", "-")

    @property
    def is_final(self) -> bool:
        return self >= JobState.CANCELED


class JobEvent(Enum):
    """What can happen to a job."""

    RELEASED = "released"  # its last hold was lifted
    HELD = "held"  # a hold was set before anything was sent
    STARTED = "started"  # a runner took it; the durable sending mark is set
    RETURNED = "returned"  # the printer took nothing: back to waiting, nothing was printed
    PRINTED = "printed"  # the printer says completed
    REFUSED = "refused"  # the printer refused or aborted it for good
    STOPPED = "stopped"  # the printer stopped in the middle of it (paper, cover)
    RESUMED = "resumed"
    OUTCOME_UNKNOWN = "outcome-unknown"  # bytes were sent and nobody can tell what became of them
    CANCELED = "canceled"
    EXPIRED = "expired"  # its retention time is over
    ABORTED = "aborted"  # we gave it up: incomplete, unreadable
    RESTARTED = "restarted"  # asked again by a person


class Hold(Enum):
    """Why a job is held; the value is the keyword in ``job-state-reasons``."""

    OWNER = "job-release-wait"  # a pull queue: its owner releases it (PWG 5100.11)
    SENDER = "job-hold-until-specified"  # asked for by the sender; IPP Release-Job lifts it
    INCOMING = "job-incoming"  # created, and its documents are not complete yet
    UNCERTAIN = "spoolhouse-outcome-unknown"  # a person must look whether it printed
    QUARANTINE = "spoolhouse-unknown-user"  # nobody knows whose it is
    PAUSED = "printer-stopped"  # the operator paused its queue
    NEW = "job-held-on-create"  # the operator holds what newly comes to its queue
    SUSPENDED = "job-suspended"  # taken back from its printer before anything was sent


S, E = JobState, JobEvent
TRANSITIONS: Final[Mapping[tuple[JobState, JobEvent], JobState]] = {
    (S.PENDING_HELD, E.RELEASED): S.PENDING,
    (S.PENDING_HELD, E.CANCELED): S.CANCELED,
    (S.PENDING_HELD, E.EXPIRED): S.CANCELED,
    (S.PENDING_HELD, E.ABORTED): S.ABORTED,
    (S.PENDING_HELD, E.HELD): S.PENDING_HELD,
    (S.PENDING, E.HELD): S.PENDING_HELD,
    (S.PENDING, E.STARTED): S.PROCESSING,
    (S.PENDING, E.RETURNED): S.PENDING_HELD,
    (S.PENDING, E.CANCELED): S.CANCELED,
    (S.PENDING, E.EXPIRED): S.CANCELED,
    (S.PENDING, E.ABORTED): S.ABORTED,
    (S.PROCESSING, E.RETURNED): S.PENDING,
    (S.PROCESSING, E.PRINTED): S.COMPLETED,
    (S.PROCESSING, E.REFUSED): S.ABORTED,
    (S.PROCESSING, E.STOPPED): S.PROCESSING_STOPPED,
    (S.PROCESSING, E.OUTCOME_UNKNOWN): S.PENDING_HELD,
    (S.PROCESSING, E.CANCELED): S.CANCELED,
    (S.PROCESSING_STOPPED, E.RESUMED): S.PROCESSING,
    (S.PROCESSING_STOPPED, E.PRINTED): S.COMPLETED,
    (S.PROCESSING_STOPPED, E.REFUSED): S.ABORTED,
    (S.PROCESSING_STOPPED, E.OUTCOME_UNKNOWN): S.PENDING_HELD,
    (S.PROCESSING_STOPPED, E.CANCELED): S.CANCELED,
    (S.COMPLETED, E.RESTARTED): S.PENDING,
    (S.CANCELED, E.RESTARTED): S.PENDING,
    (S.ABORTED, E.RESTARTED): S.PENDING,
}
del S, E


class IllegalTransitionError(Exception):
    """The event cannot happen in this state; answer 'client-error-not-possible'."""

    def __init__(self, state: JobState, event: JobEvent) -> None:
        super().__init__(f"a job that is {state.keyword} cannot be {event.value}")
        self.state = state
        self.event = event


def next_state(state: JobState, event: JobEvent) -> JobState:
    """Look the transition up.

    Raises:
        IllegalTransitionError: The event cannot happen in this state.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None


def hold_keywords(holds: Iterable[Hold]) -> list[str]:
    """Name the holds as ``job-state-reasons`` keywords, in a stable order."""
    return sorted(hold.value for hold in holds)
