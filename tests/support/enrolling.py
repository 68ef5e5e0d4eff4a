"""Enrolment of cards whose facts end in a list: what a test reads as told to the primary."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.audit import Audit
from edge_agent.identity.enrolling import Enrolling
from shared.messages.events import CardEnrolled
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
