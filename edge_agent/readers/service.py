"""The Card Readers service: one task per configured reader, following the directory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.identity.directory import Directory
from edge_agent.identity.reader import CardReader
from edge_agent.identity.session import Stations
from edge_agent.service import Health
from shared.i18n import gettext as _
from shared.i18n import ngettext
from shared.ids import AccountId, ReaderId
from shared.messages.records import ReaderRecord
from shared.toml_tables import ProfileError

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 5.0

MakeReader = Callable[[AccountId, ReaderRecord], CardReader]


@dataclass(slots=True)
class _Kept:
    account_id: AccountId
    record: ReaderRecord
    task: asyncio.Task[None]
    reader: CardReader | None = None
    trouble: str = ""


class CardReaders:
    """All card readers of this gateway."""

    name = "card-readers"

    def __init__(self, directory: Directory, stations: Stations, make: MakeReader) -> None:
        self._directory = directory
        self._stations = stations
        self._make = make
        self._kept: dict[ReaderId, _Kept] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: asyncio.TimerHandle | asyncio.Handle | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._directory.subscribe(self._on_directory)
        self._follow()

    async def stop(self) -> None:
        self._loop = None
        await self._end([self._kept.pop(reader_id) for reader_id in list(self._kept)])

    def health(self) -> Health:
        troubles = [
            f"{kept.record.name}: {trouble}"
            for kept in self._kept.values()
            if (trouble := _trouble(kept))
        ]
        connected = len(self._kept) - len(troubles)
        says = ngettext("%(num)s reader is connected.", "%(num)s readers are connected.", connected)
        if troubles:
            says = _("%(good)s Not connected: %(bad)s", good=says, bad="; ".join(troubles))
        figures: dict[str, int | str] = {"readers": len(self._kept), "connected": connected}
        return Health(ok=not troubles, says=says, figures=figures, things=self._things())

    def _things(self) -> dict[str, dict[str, Any]]:
        troubles = {reader_id: _trouble(kept) for reader_id, kept in self._kept.items()}
        return {i: {"ok": not trouble, "says": trouble} for i, trouble in troubles.items()}

    def find(self, reader_id: ReaderId) -> CardReader | None:
        kept = self._kept.get(reader_id)
        return kept.reader if kept else None

    def _on_directory(self, _stream: str, _kinds: object) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._follow)

    def _follow(self) -> None:
        """Begin with new readers, end with gone ones; unchanged ones are left alone."""
        if self._loop is None:
            return
        wanted = {record.id: (account, record) for account, record in self._directory.readers()}
        changed = [
            reader_id
            for reader_id, kept in self._kept.items()
            if wanted.get(reader_id) != (kept.account_id, kept.record)
        ]
        before = {reader_id: self._kept.pop(reader_id).task for reader_id in changed}
        for task in before.values():
            task.cancel()
        for reader_id, (account_id, record) in wanted.items():
            if reader_id not in self._kept:
                self._begin(account_id, record, before.get(reader_id))

    def _begin(
        self, account_id: AccountId, record: ReaderRecord, before: asyncio.Task[None] | None
    ) -> None:
        task = asyncio.create_task(self._keep(record.id, before), name=f"reader {record.name}")
        self._kept[record.id] = _Kept(account_id, record, task)

    async def _keep(self, reader_id: ReaderId, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before}, timeout=AGAIN_SECONDS)  # its port is free after that
        kept = self._kept[reader_id]
        while True:
            try:
                await self._read(kept)
            except ProfileError as error:
                if kept.trouble != str(error):
                    log.warning("reader %s: %s", kept.record.name, error)
                kept.trouble = str(error)
            except Exception as error:
                log.exception("reader %s failed", kept.record.name)
                kept.trouble = str(error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _read(self, kept: _Kept) -> None:
        kept.reader = self._make(kept.account_id, kept.record)
        kept.trouble = ""
        station = self._stations.at(kept.account_id, kept.record.printer_id)
        cards = kept.reader.cards()
        try:
            async for card in cards:
                await station.tap(kept.record, card)
        finally:
            close = getattr(cards, "aclose", None)
            if close is not None:
                await close()

    async def _end(self, kept: list[_Kept]) -> None:
        for each in kept:
            each.task.cancel()
        if kept:
            await asyncio.wait([each.task for each in kept], timeout=AGAIN_SECONDS)


def _trouble(kept: _Kept) -> str:
    if kept.trouble or kept.reader is None:
        return kept.trouble or _("not started")
    health = kept.reader.health()
    return "" if health.ok else health.says
