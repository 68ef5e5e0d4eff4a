"""What people do at a simulated gateway: they send jobs and tap their card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from shared.ids import AccountId, CardId, JobId, PrinterId, QueueId, UserId, new_id
from shared.job_states import Hold, JobState
from shared.messages.events import (
    AuditRecorded,
    JobChanged,
    JobCounted,
    JobReceived,
    Source,
    UsageRecorded,
)

_KEPT: Final = timedelta(hours=24)
_COMPLETED: Final = "job-completed-successfully"


@dataclass(frozen=True, slots=True)
class House:
    """What an account has, as far as its gateways speak of it."""

    account_id: AccountId
    queue_id: QueueId
    printer_id: PrinterId
    user_id: UserId
    card_id: CardId


@dataclass(slots=True)
class Ledger:
    """What was told: to be compared with what the primary has."""

    lines: dict[JobId, int] = field(default_factory=dict)  # of each job's timeline
    counts: int = 0
    usage: set[str] = field(default_factory=set)
    taps: set[str] = field(default_factory=set)

    def note(self, fact: Any) -> None:
        if isinstance(fact, JobReceived | JobChanged):
            self.lines[fact.job_id] = self.lines.get(fact.job_id, 0) + 1
        elif isinstance(fact, JobCounted):
            self.counts += 1
        elif isinstance(fact, UsageRecorded):
            self.usage.add(fact.id)
        elif isinstance(fact, AuditRecorded):
            self.taps.add(fact.id)

    @property
    def facts(self) -> int:
        return sum(self.lines.values()) + self.counts + len(self.usage) + len(self.taps)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits for its owner."""

    job_id: JobId
    pages: int


class Desk:
    """One gateway's jobs."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._number = 0
        self.waiting: list[Waiting] = []

    def send(self, now: datetime, random: Random) -> Iterator[Any]:
        """Take a job: it is held until its owner taps a card."""
        house, job_id, pages = self._house, JobId(new_id()), random.randint(1, 30)
        self._number += 1
        self.waiting.append(Waiting(job_id, pages))
        yield JobReceived(
            job_id=job_id,
            account_id=house.account_id,
            queue_id=house.queue_id,
            number=self._number,
            title=f"Report {self._number}.pdf",
            state=JobState.PENDING_HELD,
            reasons=(Hold.OWNER.value,),
            identity="verified",
            owner_id=house.user_id,
            claimed_name=None,
            source=Source("ipps", f"10.1.{random.randint(0, 255)}.{random.randint(1, 254)}"),
            document_format="application/pdf",
            size_bytes=random.randint(20_000, 3_000_000),
            sha256=hashlib.sha256(job_id.encode()).hexdigest(),
            received_ms=random.randint(5, 400),
            kept_until=now + _KEPT,
            at=now,
            ticket={"copies": 1, "sides": "two-sided-long-edge"},
        )
        yield JobCounted(
            job_id=job_id, account_id=house.account_id, source="document", confidence="high",
            impressions=pages, at=now + timedelta(milliseconds=30), revision=2,
        )  # fmt: skip

    def tap(self, now: datetime) -> Iterator[Any]:
        """Print everything that waits."""
        house, waiting = self._house, self.waiting
        self.waiting = []
        yield AuditRecorded(
            new_id(), "card.tapped", "ok", now, house.account_id, house.user_id, house.card_id,
            house.printer_id, detail={"jobs": len(waiting)},
        )  # fmt: skip
        for job in waiting:
            yield from self._print(job, now)

    def _print(self, job: Waiting, now: datetime) -> Iterator[Any]:
        house = self._house
        steps = (
            ("released", JobState.PENDING, (), "card"),
            ("started", JobState.PROCESSING, ("job-printing",), "system"),
            ("printed", JobState.COMPLETED, (_COMPLETED,), "system"),
        )
        for n, (event, state, reasons, by) in enumerate(steps):
            yield JobChanged(
                job_id=job.job_id,
                account_id=house.account_id,
                event=event,
                state=state,
                reasons=reasons,
                at=now + timedelta(milliseconds=20 * n),
                revision=3 + n,
                printer_id=house.printer_id,
                by=by,
                by_user_id=house.user_id if by == "card" else None,
                first_byte_ms=14 if event == "started" else None,
            )
        yield UsageRecorded(
            new_id(), job.job_id, house.account_id, house.user_id, house.printer_id, job.pages,
            "document", "high", now + timedelta(milliseconds=60),
        )  # fmt: skip
