"""How a queue is, as its operator has set it; kept in ``queues.json`` beside the job database."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from shared.clock import Clock
from shared.ids import QueueId, is_id
from shared.ipp.enums import PrinterState
from shared.job_states import Hold

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """What outlives a restart."""

    is_paused: bool = False
    is_accepting: bool = True
    is_shut_down: bool = False
    holds_new_jobs: bool = False
    operator_message: str = ""
    purged_upto: int = 0  # final jobs up to this number are no longer shown


QUEUES_FILE: Final = "queues.json"


@dataclass(slots=True)
class QueueStatus:
    """How a queue is just now."""

    kept: Kept
    changed_at: datetime
    configured_at: datetime

    @property
    def is_paused(self) -> bool:
        return self.kept.is_paused

    @property
    def is_accepting(self) -> bool:
        return self.kept.is_accepting and not self.kept.is_shut_down

    @property
    def is_shut_down(self) -> bool:
        return self.kept.is_shut_down

    @property
    def holds_new_jobs(self) -> bool:
        return self.kept.holds_new_jobs

    @property
    def holds(self) -> frozenset[Hold]:
        """Why a new job is held by what the operator has set, whichever way it comes in."""
        found = ((Hold.NEW, self.holds_new_jobs), (Hold.PAUSED, self.is_paused))
        return frozenset(hold for hold, applies in found if applies)

    @property
    def operator_message(self) -> str:
        return self.kept.operator_message

    @property
    def purged_upto(self) -> int:
        return self.kept.purged_upto

    def state(self, *, is_printing: bool) -> PrinterState:
        if self.is_paused or self.is_shut_down:
            return PrinterState.STOPPED
        return PrinterState.PROCESSING if is_printing else PrinterState.IDLE


class OnChange(Protocol):
    """Hears of a changed queue; ``configured`` when it is more than a switch."""

    def __call__(self, queue_id: QueueId, *, configured: bool) -> None: ...


class StatusBoard:
    """The statuses of all queues; without a file they last as long as the process."""

    def __init__(self, clock: Clock, path: Path | None) -> None:
        self._clock = clock
        self._path = path
        self._started_at = clock.now()
        self._statuses: dict[QueueId, QueueStatus] = {}
        self._on_change: list[OnChange] = []
        self._kept = _load(path) if path is not None else {}
        self._saving = asyncio.Lock()

    def on_change(self, callback: OnChange) -> None:
        """Call back after a queue's status has changed."""
        self._on_change.append(callback)

    def status(self, queue_id: QueueId) -> QueueStatus:
        status = self._statuses.get(queue_id)
        if status is None:
            kept = self._kept.get(queue_id) or Kept()
            status = QueueStatus(kept, self._started_at, self._started_at)
            self._statuses[queue_id] = status
        return status

    async def change(self, queue_id: QueueId, **changes: Any) -> QueueStatus:
        status = self.status(queue_id)
        for name, value in changes.items():
            setattr(status.kept, name, value)
        status.changed_at = self._clock.now()
        if "operator_message" in changes:
            status.configured_at = status.changed_at
        self._kept[queue_id] = status.kept
        if self._path is not None:
            async with self._saving:
                kept = {name: asdict(value) for name, value in self._kept.items()}
                await asyncio.to_thread(_save, self._path, kept)
        for callback in self._on_change:
            callback(queue_id, configured="operator_message" in changes)
        return status


def _load(path: Path) -> dict[QueueId, Kept]:
    known = {field.name: field.type for field in fields(Kept)}
    try:
        found = json.loads(path.read_text())
        return {
            QueueId(queue_id): Kept(**{k: v for k, v in kept.items() if k in known})
            for queue_id, kept in found.items()
            if is_id(queue_id)
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        # A queue that nobody can open again would be worse than one that is open.
        log.warning("%s cannot be read, queues are as they were set up: %s", path, error)
        return {}


def _save(path: Path, kept: dict[QueueId, Any]) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("w") as file:
        json.dump(kept, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(0o600)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
