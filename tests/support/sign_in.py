"""A gateway's sign-in with everything it needs, and lists of what it told and wrote down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge_agent.audit import Audit
from edge_agent.calls import Calls
from edge_agent.identity.authentication import Authentication
from shared.messages.events import AuditRecorded, CardEnrolled, SignInCodeUsed
from tests.support.enrolling import an_enrolling, codes_told
from tests.support.people import ManualClock, People, people


@dataclass
class SignIn:
    """Asked through calls, as the other services ask it; tests add how they knock."""

    people: People
    clock: ManualClock
    calls: Calls
    service: Authentication
    audit: Audit
    audited: list[AuditRecorded]
    enrolled: list[CardEnrolled]
    used: list[SignInCodeUsed]


S = TypeVar("S", bound=SignIn)


@asynccontextmanager
async def signing_in(folder: Path, kind: type[S]) -> AsyncIterator[S]:
    """Run it for a test, with the people of ``tests.support.people``."""
    clock = ManualClock()
    known = people(folder, clock=clock)
    audited: list[AuditRecorded] = []

    async def write(facts: Sequence[AuditRecorded]) -> None:
        audited.extend(facts)

    audit = Audit(clock, write)
    calls = Calls(clock, encode=True)
    enrolling, enrolled = an_enrolling(known, audit)
    codes, used = codes_told(clock)
    service = Authentication(
        folder, known.directory, calls, audit, clock, enrolling=enrolling, codes=codes
    )
    await service.start()
    yield kind(known, clock, calls, service, audit, audited, enrolled, used)
    await service.stop()
    known.replica.close()
