"""What the link looks after once an hour: its certificate, and rows that are kept no longer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from edge_agent import enrolment
from edge_agent.enrolment import EnrolmentError, Identity
from edge_agent.jobs import outbox_pruning
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from shared.clock import Clock

log = logging.getLogger(__name__)

_RENEW_LOOK_SECONDS: Final = 3600.0
_PRUNE_SECONDS: Final = 3600.0
_PRUNE_SLICE: Final = 500  # rows
_PRUNE_PAUSE_SECONDS: Final = 0.05


class Renewal:
    """Asks for the next certificate in time, and lets the wire try it."""

    def __init__(
        self,
        identity: Callable[[], Identity],
        primary_url: str,
        primary_now: Callable[[], datetime],
        is_silent: Callable[[], bool],
        reconnect: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._primary_url = primary_url
        self._primary_now = primary_now
        self._is_silent = is_silent
        self._reconnect = reconnect

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            is_due = enrolment.renewal_is_due(self._identity(), self._primary_now())
            if is_due and not self._is_silent():
                await self._renew()
            await asyncio.sleep(_RENEW_LOOK_SECONDS)

    async def _renew(self) -> None:
        try:
            await enrolment.renew(self._identity(), self._primary_url)
        except EnrolmentError as error:
            log.warning("the certificate could not be renewed: %s", error)
            return
        log.info("a new certificate is there; it is tried now")
        self._reconnect()


class Pruning:
    """Erases what is over, a slice at a time: intake and printers come between."""

    def __init__(self, store: JobStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Erase once an hour, until cancelled."""
        while True:
            await asyncio.sleep(_PRUNE_SECONDS)
            await self.prune()

    async def prune(self) -> int:
        """Erase now; returns how many rows went."""
        store, now = self._store, self._clock.now()
        await store.submit(lambda tx: outbox_pruning.forget_commands(tx.connection, now))
        ids = await store.read(lambda c: outbox_pruning.prunable(c, now))
        gone = 0
        for first in range(0, len(ids), _PRUNE_SLICE):
            gone += await store.submit(_eraser(ids[first : first + _PRUNE_SLICE]))
            await asyncio.sleep(_PRUNE_PAUSE_SECONDS)
        return gone


def _eraser(ids: list[int]) -> Callable[[Transaction], int]:
    return lambda tx: outbox_pruning.erase(tx.connection, ids)
