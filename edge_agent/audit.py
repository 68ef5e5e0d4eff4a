"""What people and devices tried at this gateway, as ``AuditRecorded`` facts.

Written a moment later and in batches, so that a tap never waits for it; bounded, so that whoever
hammers at a door fills no disk: beyond the limit per event and source the attempts are counted
and told with the next row.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.clock import Clock
from shared.ids import AccountId, CardId, JobId, PrinterId, ReaderId, UserId, new_id
from shared.messages.events import AuditRecorded

log = logging.getLogger(__name__)

REFUSED_PER_MINUTE: Final = 20
ACCEPTED_PER_MINUTE: Final = 600  # a busy reader in the morning is no attack
SOURCES: Final = 1024
WAITING: Final = 2000
GATHER_SECONDS: Final = 0.05
WRITE_TIMEOUT_SECONDS: Final = 30.0

Write = Callable[[Sequence[AuditRecorded]], Awaitable[None]]


@dataclass(slots=True)
class _Source:
    began: float
    written: int = 0
    kept_back: int = 0


class Audit:
    """Takes attempts from every service; ``run`` writes them to the outbox."""

    def __init__(self, clock: Clock, write: Write) -> None:
        self._clock = clock
        self._write = write
        self._waiting: list[AuditRecorded] = []
        self._there = asyncio.Event()
        self._writing = asyncio.Lock()
        self._sources: dict[tuple[str, str], _Source] = {}
        self._lost = 0

    def record(
        self,
        event: str,
        *,
        ok: bool,
        source: str = "",
        account_id: AccountId | None = None,
        user_id: UserId | None = None,
        card_id: CardId | None = None,
        printer_id: PrinterId | None = None,
        reader_id: ReaderId | None = None,
        job_id: JobId | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Note an attempt; returns at once."""
        most = ACCEPTED_PER_MINUTE if ok else REFUSED_PER_MINUTE
        repeated = self._allowance(event, source, most)
        if repeated is None:
            return
        fact = AuditRecorded(
            id=new_id(),
            event=event,
            outcome="ok" if ok else "refused",
            at=self._clock.now(),
            account_id=account_id,
            user_id=user_id,
            card_id=card_id,
            printer_id=printer_id,
            reader_id=reader_id,
            job_id=job_id,
            source=source,
            detail={**(detail or {}), **({"before_this": repeated} if repeated else {})},
        )
        if len(self._waiting) >= WAITING:
            self._lost += 1
            return
        self._waiting.append(fact)
        self._there.set()

    async def run(self) -> None:
        """Write what comes, many at a time, until cancelled; ``flush`` writes what is left."""
        while True:
            await self._there.wait()
            await asyncio.sleep(GATHER_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write now what waits."""
        async with self._writing:
            facts, self._waiting = self._waiting, []
            self._there.clear()
            if self._lost:
                log.warning("%d attempts were not audited: too many at once", self._lost)
                self._lost = 0
            if not facts:
                return
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                    await self._write(facts)
            except (OSError, TimeoutError, sqlite3.Error) as error:
                log.error("%d audit rows could not be written: %s", len(facts), error)  # noqa: TRY400

    def _allowance(self, event: str, source: str, most: int) -> int | None:
        """None: over the limit; otherwise how many were kept back before this one."""
        now = self._clock.monotonic()
        entry = self._sources.get((event, source))
        if entry is None or now - entry.began >= 60:  # noqa: PLR2004
            kept_back = entry.kept_back if entry else 0
            self._make_room(now)
            self._sources[event, source] = _Source(now, 1)
            return kept_back
        if entry.written >= most:
            entry.kept_back += 1
            return None
        entry.written += 1
        return 0

    def _make_room(self, now: float) -> None:
        if len(self._sources) < SOURCES:
            return
        old = [key for key, entry in self._sources.items() if now - entry.began >= 60]  # noqa: PLR2004
        for key in old or list(self._sources)[: SOURCES // 2]:
            del self._sources[key]
