"""The gateway's store for parts that are not its jobs: facts to tell, and what was not told yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from edge_agent.jobs import outbox, queries
from edge_agent.jobs.errors import JobStoreError, SpoolFullError
from edge_agent.jobs.model import Job
from edge_agent.jobs.rows import to_milliseconds
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from shared.clock import Clock
from shared.messages import codec
from shared.messages.events import CardEnrolled, Fact

T = TypeVar("T")

_LEFT_BEHIND: Final = timedelta(days=1)  # so long a printer may keep what we began and lost


class Ledger:
    """Writes and reads as whoever stands outside needs it; a fact is on disk when told."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def submit(self, work: Callable[[Transaction], T]) -> T:
        """Do it in a transaction of its own.

        Raises:
            OSError: It could not be written.
        """
        try:
            return await self._store.submit(work)
        except (JobStoreError, SpoolFullError) as error:
            raise OSError(str(error)) from error

    async def tell(self, fact: Fact) -> None:
        await self.tell_all([fact])

    async def tell_all(self, facts: Sequence[Fact]) -> None:
        def enqueue(tx: Transaction) -> None:
            for fact in facts:
                tx.enqueue(fact)

        await self.submit(enqueue)

    async def untold_cards(self) -> Sequence[CardEnrolled]:
        """The cards that became somebody's here, and that the primary has not heard of."""
        bodies = await self._store.read(lambda c: outbox.untold(c, CardEnrolled.KIND))
        return [codec.from_plain(CardEnrolled, body) for body in bodies]

    async def unsent(self) -> Sequence[Job]:
        """The jobs that their printer may have begun lately and of which no byte has left."""
        since = to_milliseconds(self._clock.now() - _LEFT_BEHIND)
        return await self._store.read(lambda c: queries.list_unsent(c, since))
