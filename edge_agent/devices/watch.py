"""Keeps an eye on the printers that this gateway looks after, so that pages know how they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from edge_agent.devices.status import PrinterStatus
from edge_agent.identity.directory import Directory
from shared.clock import Clock
from shared.ids import PrinterId
from shared.messages.records import PrinterRecord

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 60.0
AT_ONCE: Final = 8
MOST: Final = 2_000  # at one gateway

Ask = Callable[[PrinterRecord], Awaitable[PrinterStatus]]


class PrinterWatch:
    """Asks each printer about once a minute, a few at a time; very many take longer."""

    def __init__(self, directory: Directory, ask: Ask, clock: Clock) -> None:
        self._directory = directory
        self._ask = ask
        self._clock = clock
        self._seen: dict[PrinterId, tuple[float, PrinterStatus]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Watch until cancelled; whatever a printer does, the others are asked."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the printers could not be looked at; they will be again")
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Ask every printer once."""
        printers = list(self._printers())[:MOST]
        wanted = {printer.id for printer in printers}
        self._seen = {known: seen for known, seen in self._seen.items() if known in wanted}
        async with asyncio.TaskGroup() as group:
            for printer in printers:
                group.create_task(self.look_at(printer), name=f"look at {printer.name}")

    async def look_at(self, printer: PrinterRecord) -> PrinterStatus:
        async with self._room:
            status = await self._ask(printer)
        self._seen[printer.id] = (self._clock.monotonic(), status)
        return status

    def told(self) -> dict[str, dict[str, Any]]:
        """Say how each printer is, and how many seconds ago it was asked."""
        now = self._clock.monotonic()
        return {
            printer_id: {**status.to_plain(), "age_seconds": int(now - asked_at)}
            for printer_id, (asked_at, status) in list(self._seen.items())
        }

    def _printers(self) -> Iterator[PrinterRecord]:
        gateway = self._directory.gateway()
        ours = {None, gateway.site_id if gateway else None}
        for _account_id, printer in self._directory.printers():
            is_driver = printer.gateway_id == self._directory.gateway_id
            is_near = printer.gateway_id is None and printer.site_id in ours
            if printer.enabled and (is_driver or is_near):
                yield printer
