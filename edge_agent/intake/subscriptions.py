"""Subscriptions and their events, fetched by the client (RFC 3995, RFC 3996 'ippget').

They live in memory, as long as their lease; a client whose subscription is gone makes a new one.
A subscriber hears of their own jobs and of the queue, as in every other operation.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edge_agent.intake.access import Requester, may_see
from edge_agent.jobs.model import Job
from shared.clock import Clock
from shared.ids import AccountId, QueueId
from shared.job_states import JobState

JOB_EVENTS: Final = ("job-created", "job-completed", "job-stopped", "job-state-changed")
PRINTER_EVENTS: Final = ("printer-state-changed", "printer-stopped", "printer-config-changed")
EVENTS: Final = (*JOB_EVENTS, *PRINTER_EVENTS)
DEFAULT_EVENTS: Final = ("job-completed",)
EVENT_LIFE_SECONDS: Final = 300
DEFAULT_LEASE_SECONDS: Final = 3600
LONGEST_LEASE_SECONDS: Final = 86_400
MOST: Final = 500
MOST_OF_ONE_SOURCE: Final = 50
MOST_EVENTS: Final = 100  # kept for one subscription
LONGEST_USER_DATA: Final = 63


class TooManySubscriptionsError(Exception):
    """There are as many as this gateway keeps."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; ``job`` as it was then."""

    number: int
    name: str
    at: datetime
    job: Job | None = None


@dataclass(slots=True)
class Subscription:
    """What one client wants to hear of."""

    id: int
    account_id: AccountId
    queue_id: QueueId
    subscriber: Requester
    events: tuple[str, ...]
    language: str
    lease_seconds: int
    expires_at: float  # endless for a subscription to one job, until that is over
    user_data: bytes = b""
    job_number: int | None = None
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    kept: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))

    def is_of(self, requester: Requester) -> bool:
        """Whether the requester made it, or is an operator."""
        mine = (self.subscriber.identity, self.subscriber.name) == (
            requester.identity,
            requester.name,
        )
        same_place = requester.is_verified or self.subscriber.address == requester.address
        return requester.is_operator or (mine and same_place)


class Subscriptions:
    """All subscriptions of the gateway's queues."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[int, Subscription] = {}
        self._numbers = itertools.count(1)
        self._states: dict[str, JobState] = {}

    def create(
        self,
        account_id: AccountId,
        queue_id: QueueId,
        subscriber: Requester,
        events: Sequence[str],
        *,
        language: str,
        lease_seconds: int | None,
        user_data: bytes = b"",
        job_number: int | None = None,
    ) -> Subscription:
        """Begin a subscription.

        Raises:
            TooManySubscriptionsError: As its name says.
        """
        self._drop_expired()
        same_source = sum(s.subscriber.address == subscriber.address for s in self._all.values())
        if len(self._all) >= MOST or same_source >= MOST_OF_ONE_SOURCE:
            raise TooManySubscriptionsError
        lease = granted_lease(lease_seconds)
        subscription = Subscription(
            next(self._numbers),
            account_id,
            queue_id,
            subscriber,
            tuple(events) or DEFAULT_EVENTS,
            language,
            lease,
            self._clock.monotonic() + lease if job_number is None else math.inf,
            user_data,
            job_number,
        )
        self._all[subscription.id] = subscription
        return subscription

    def find(self, number: int, queue_id: QueueId) -> Subscription | None:
        self._drop_expired()
        found = self._all.get(number)
        return found if found is not None and found.queue_id == queue_id else None

    def list_of(self, queue_id: QueueId) -> list[Subscription]:
        self._drop_expired()
        return [s for s in self._all.values() if s.queue_id == queue_id]

    def renew(self, subscription: Subscription, lease_seconds: int | None) -> None:
        subscription.lease_seconds = granted_lease(lease_seconds)
        subscription.expires_at = self._clock.monotonic() + subscription.lease_seconds

    def cancel(self, subscription: Subscription) -> None:
        self._all.pop(subscription.id, None)

    def events_of(self, subscription: Subscription, first: int) -> list[Event]:
        """Give the events from a sequence number on that are still kept."""
        now = self._clock.now()
        return [
            event
            for event in subscription.kept
            if event.number >= first and (now - event.at).total_seconds() <= EVENT_LIFE_SECONDS
        ]

    def on_job_changed(self, job: Job) -> None:
        """Note a change of a job for whoever may hear of it."""
        if not self._all:
            return
        is_new = job.id not in self._states
        if self._states.get(job.id) is job.state:
            return
        names = list(_names_of(job, is_new=is_new))
        for subscription in self._all.values():
            if subscription.queue_id != job.queue_id:
                continue
            if subscription.job_number not in (None, job.number):
                continue
            if may_see(subscription.subscriber, job):
                self._note(subscription, names, job)
            if job.state.is_final and subscription.job_number is not None:
                subscription.expires_at = self._clock.monotonic() + EVENT_LIFE_SECONDS
        if job.state.is_final:
            self._states.pop(job.id, None)
        else:
            self._states[job.id] = job.state

    def on_queue_changed(
        self, queue_id: QueueId, *, stopped: bool = False, configured: bool = False
    ) -> None:
        """Note that an operator changed a queue."""
        names = ["printer-state-changed"]
        if configured:
            names.insert(0, "printer-config-changed")
        if stopped:
            names.insert(0, "printer-stopped")
        for subscription in self._all.values():
            if subscription.queue_id == queue_id and subscription.job_number is None:
                self._note(subscription, names, None)

    def _note(self, subscription: Subscription, names: Sequence[str], job: Job | None) -> None:
        name = next((name for name in names if name in subscription.events), None)
        if name is not None:
            number = next(subscription.numbers)
            subscription.kept.append(Event(number, name, self._clock.now(), job))

    def _drop_expired(self) -> None:
        now = self._clock.monotonic()
        gone = [number for number, s in self._all.items() if s.expires_at <= now]
        for number in gone:
            del self._all[number]
        if not self._all:
            self._states.clear()


def granted_lease(asked_seconds: int | None) -> int:
    """Tell how long a subscription lasts; 0 asks for ever and gets the longest."""
    if asked_seconds is None:
        return DEFAULT_LEASE_SECONDS
    if asked_seconds <= 0:
        return LONGEST_LEASE_SECONDS
    return min(asked_seconds, LONGEST_LEASE_SECONDS)


def _names_of(job: Job, *, is_new: bool) -> Iterable[str]:
    """Name what happened, the most telling first."""
    if job.state.is_final:
        yield "job-completed"
    elif job.state is JobState.PROCESSING_STOPPED:
        yield "job-stopped"
    if is_new:
        yield "job-created"
    yield "job-state-changed"
