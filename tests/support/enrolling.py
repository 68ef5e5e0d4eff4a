"""Enrolment of cards whose facts end in a list: what a test reads as told to the primary."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.audit import Audit
from edge_agent.identity.codes import Codes
from edge_agent.identity.enrolling import Enrolling
from shared.clock import Clock
from shared.messages.events import CardEnrolled, SignInCodeUsed
from tests.support.people import People


def an_enrolling(people: People, audit: Audit) -> tuple[Enrolling, list[CardEnrolled]]:
    """Make one, and the list of what it told; taken out of the list, it was acknowledged."""
    facts: list[CardEnrolled] = []

    async def tell(fact: CardEnrolled) -> None:
        facts.append(fact)

    async def untold() -> Sequence[CardEnrolled]:
        return list(facts)

    enrolling = Enrolling(
        people.directory,
        audit,
        people.clock,
        lender=people.replica,
        tell=tell,
        untold=untold,
    )
    return enrolling, facts


def codes_told(clock: Clock) -> tuple[Codes, list[SignInCodeUsed]]:
    """Make the keeper of one-time codes, and the list of what it told."""
    facts: list[SignInCodeUsed] = []

    async def tell(fact: SignInCodeUsed) -> None:
        facts.append(fact)

    return Codes(clock, tell), facts
