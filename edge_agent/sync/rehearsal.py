"""The rehearsal: for ten minutes the gateway behaves as if its line were cut, and then tells.

Asked for by a signed command. While it lasts nothing leaves over the link and nothing that comes is
heard, but the command that ends it. It survives a restart, ends by itself by a clock that nobody
sets, and is ended at the gateway by ``spoolhouse-agent rehearsal end``, which leaves a mark in the
state folder. What happened meanwhile is read from what waits to be told (the outbox).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from edge_agent.jobs import outbox
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from edge_agent.sync.commands import CommandRefusedError
from shared import clock
from shared.clock import Clock
from shared.messages import codec
from shared.messages.commands import CommandState
from shared.messages.envelope import Lane
from shared.messages.events import AuditRecorded, CommandReported, JobChanged, JobReceived

log = logging.getLogger(__name__)

FILE: Final = "rehearsal.json"
END_FILE: Final = "rehearsal.end"
SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 3600
LISTEN_SECONDS: Final = 2.0  # so that the primary hears that it begins
TICK_SECONDS: Final = 0.5
SAVE_SECONDS: Final = 5.0
MOST_REFUSALS: Final = 20


@dataclass(frozen=True, slots=True)
class Saved:
    """What a restart must not forget."""

    command_id: str
    seconds: int
    left_seconds: float
    began_at: str
    epoch: str
    first_seq: int  # the first fact that is told of it
    starts: int = 1  # of the agent, in the course of it


class Rehearsal:
    """At most one at a time."""

    def __init__(
        self,
        folder: Path,
        store: JobStore,
        clock: Clock,
        knowledge_seconds: Callable[[], int | None],
    ) -> None:
        self._path, self._end_path = folder / FILE, folder / END_FILE
        self._store = store
        self._clock = clock
        self._knowledge_seconds = knowledge_seconds
        self._saved: Saved | None = None
        self._silent_from = 0.0
        self._was_silent = False
        self._on_change: list[Callable[[], None]] = []

    @property
    def is_silent(self) -> bool:
        """Whether the line is not to be used now."""
        return self._saved is not None and self._clock.monotonic() >= self._silent_from

    @property
    def left_seconds(self) -> int | None:
        """How long it still lasts; None while there is none."""
        return None if self._saved is None else max(0, int(self._saved.left_seconds))

    def on_change(self, callback: Callable[[], None]) -> None:
        """Be called when the line falls silent and when it may be used again."""
        self._on_change.append(callback)

    def recover(self) -> None:
        """Go on with what a restart interrupted; the line is silent from the start."""
        try:
            saved = Saved(**json.loads(self._path.read_text()))
        except FileNotFoundError:
            self._end_path.unlink(missing_ok=True)
            return
        except (OSError, ValueError, TypeError) as error:
            log.warning("%s cannot be read, so there is no rehearsal: %s", self._path, error)
            self._path.unlink(missing_ok=True)
            return
        # Whoever starts again and again must come to the end, too.
        left = saved.left_seconds - 1
        self._saved = replace(saved, left_seconds=left, starts=saved.starts + 1)
        self._silent_from = self._clock.monotonic()
        self._save()

    async def begin(self, command_id: str, seconds: int) -> None:
        """Begin, in two seconds.

        Raises:
            CommandRefusedError: One goes on already, or it would be too short or too long.
        """
        if self._saved is not None:
            raise CommandRefusedError("a rehearsal goes on already")
        if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
            raise CommandRefusedError("a rehearsal lasts from a minute to an hour")
        state = await self._store.submit(lambda tx: outbox.lane_state(tx.connection, Lane.FACTS))
        self._saved = Saved(
            command_id=command_id,
            seconds=seconds,
            left_seconds=seconds,
            began_at=clock.to_wire(self._clock.now()),
            epoch=state.epoch,
            first_seq=state.next_seq,
        )
        self._silent_from = self._clock.monotonic() + LISTEN_SECONDS
        self._end_path.unlink(missing_ok=True)
        self._save()
        log.info("a rehearsal begins: for %d seconds the line is not used", seconds)

    async def run(self) -> None:
        """Count down until cancelled."""
        before, saved_at = self._clock.monotonic(), self._clock.monotonic()
        self._tell_change()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._clock.monotonic()
            passed, before = now - before, now
            if self._saved is None:
                continue
            self._saved = replace(self._saved, left_seconds=self._saved.left_seconds - passed)
            self._tell_change()
            if self._end_path.exists():
                await self.end("gateway")
            elif self._saved.left_seconds <= 0:
                await self.end("time")
            elif now - saved_at >= SAVE_SECONDS:
                saved_at = now
                self._save()

    async def end(self, why: str) -> bool:
        """End it, and put what happened into the outbox; False where there is none."""
        saved = self._saved
        if saved is None:
            return False
        ended_at = self._clock.now()
        knowledge = self._knowledge_seconds()

        def work(tx: Transaction) -> None:
            done = tx.connection.execute(
                "UPDATE command_log SET state = ?, at = ? WHERE id = ? AND state = ?",
                (CommandState.SUCCEEDED.value, clock.to_wire(ended_at), saved.command_id,
                 CommandState.IN_PROGRESS.value),
            )  # fmt: skip
            if not done.rowcount:
                return  # A power cut came between the report and the end of the file.
            result = {
                **_what_happened(tx.connection, saved),
                "why_ended": why,
                "began_at": saved.began_at,
                "ended_at": clock.to_wire(ended_at),
                "knowledge_seconds": knowledge,
                "restarts": saved.starts - 1,
            }
            state = CommandState.SUCCEEDED.value
            tx.enqueue(CommandReported(saved.command_id, state, ended_at, result))

        await self._store.submit(work)
        self._saved = None
        self._path.unlink(missing_ok=True)
        self._end_path.unlink(missing_ok=True)
        log.info("the rehearsal has ended (%s)", why)
        self._tell_change()
        return True

    def _tell_change(self) -> None:
        if self.is_silent != self._was_silent:
            self._was_silent = self.is_silent
            for callback in self._on_change:
                callback()

    def _save(self) -> None:
        assert self._saved is not None
        beside = self._path.with_suffix(".new")
        with beside.open("w") as file:
            json.dump(asdict(self._saved), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


def left_by_folder(folder: Path) -> Mapping[str, Any] | None:
    """Read how a rehearsal stands, from outside of the agent; None: there is none."""
    try:
        found: Any = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def ask_to_end(folder: Path) -> bool:
    """Leave the mark that ends a rehearsal within a second; False: there is none."""
    if left_by_folder(folder) is None:
        return False
    (folder / END_FILE).touch(mode=0o600)
    return True


def _what_happened(connection: sqlite3.Connection, saved: Saved) -> dict[str, Any]:
    """Count what was noted to be told meanwhile."""
    counts: Counter[str] = Counter()
    sign_ins: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for kind, body in _facts(connection, saved):
        if kind == JobReceived.KIND:
            counts["jobs_received"] += 1
        elif kind == JobChanged.KIND:
            counts[f"jobs_{body.get('event')}"] += 1
        elif kind == AuditRecorded.KIND and body.get("outcome") != "ok":
            refused[str(body.get("event"))] += 1
        elif kind == AuditRecorded.KIND:
            sign_ins.update(_sign_in(body))
    told = ("jobs_received", "jobs_released", "jobs_printed", "jobs_canceled")
    return {
        **{name: counts[name] for name in told},
        "sign_ins": dict(sign_ins),
        "refused": dict(refused.most_common(MOST_REFUSALS)),
    }


def _facts(connection: sqlite3.Connection, saved: Saved) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = connection.execute(
        "SELECT row FROM outbox WHERE lane = ? AND epoch = ? AND seq >= ? ORDER BY seq",
        (Lane.FACTS.value, saved.epoch, saved.first_seq),
    )
    for (raw,) in rows:
        row: Any = codec.loads(bytes(raw))
        yield str(row["kind"]), row["body"]


def _sign_in(body: Mapping[str, Any]) -> list[str]:
    if body.get("event") == "card.tapped":
        return ["card"]
    if body.get("event") == "sign-in.accepted":
        return [str((body.get("detail") or {}).get("with") or "password")]
    return []
