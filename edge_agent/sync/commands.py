"""Commands of the primary: checked, noted, carried out once, reported."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from shared import clock
from shared.ids import GatewayId
from shared.messages import commands as wire
from shared.messages.commands import Command, CommandKind, CommandState
from shared.messages.events import CommandReported

log = logging.getLogger(__name__)

_ACT_SECONDS: Final = 60.0

Act = Callable[[Command], Awaitable[Mapping[str, Any]]]

# What an act answers that goes on, and reports by itself when it has ended.
LATER: Final[Mapping[str, Any]] = {"later": True}


class CommandRefusedError(Exception):
    """It is not for us, not of now, or cannot be done; the text is told to who asked."""


class Commands:
    """Carries out one command at a time."""

    def __init__(
        self,
        store: JobStore,
        gateway_id: GatewayId,
        acts: Mapping[CommandKind, Act],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._gateway_id = gateway_id
        self._acts = acts
        self._now = now  # the primary's time, as far as we know it
        self.primary_epoch: int | None = None  # as of the last Hello

    async def recover(self) -> None:
        """Report what a restart cut off; it is not carried out again."""
        await self._store.submit(self._report_cut_off)

    async def on_command(self, command: Command) -> str | None:
        """Carry out a command whose signature was checked; returns why it was refused."""
        known = await self._store.read(lambda c: _find_state(c, command.id))
        if known is not None:
            return None if known != CommandState.REJECTED.value else "known and refused"
        refusal = self._refusal(command)
        if refusal is not None:
            await self._report(command, CommandState.REJECTED, refusal)
            return refusal
        await self._report(command, CommandState.IN_PROGRESS)
        try:
            async with asyncio.timeout(_ACT_SECONDS):
                result = await self._acts[command.kind](command)
        except CommandRefusedError as error:
            await self._report(command, CommandState.FAILED, str(error))
        except TimeoutError:
            await self._report(command, CommandState.FAILED, "it took too long")
        except Exception as error:
            log.exception("command %s (%s)", command.id, command.kind.value)
            await self._report(command, CommandState.FAILED, f"{type(error).__name__}: {error}")
        else:
            if result is not LATER:
                await self._report(command, CommandState.SUCCEEDED, "", result)
        return None

    def _refusal(self, command: Command) -> str | None:
        if command.v != wire.VERSION or command.kind not in self._acts:
            return "this gateway does not know this command"
        if command.gateway_id != self._gateway_id:
            return "it is for another gateway"
        if self.primary_epoch is not None and command.primary_epoch != self.primary_epoch:
            return "it was asked before a backup was restored"
        if self._now() >= command.expires_at:
            return "it came too late"
        return None

    async def _report(
        self,
        command: Command,
        state: CommandState,
        message: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> None:
        at = self._now()

        def work(tx: Transaction) -> None:
            tx.connection.execute(
                "INSERT INTO command_log VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at",
                (command.id, command.seq, command.primary_epoch, command.kind.value,
                 state.value, clock.to_wire(at)),
            )  # fmt: skip
            tx.enqueue(CommandReported(command.id, state.value, at, result or {}, message))

        await self._store.submit(work)

    def _report_cut_off(self, tx: Transaction) -> None:
        at = self._now()
        cut_off = tx.connection.execute(
            # A rehearsal survives a restart, and reports by itself.
            "UPDATE command_log SET state = ?, at = ? WHERE state = ? AND kind != ? RETURNING id",
            (CommandState.FAILED.value, clock.to_wire(at), CommandState.IN_PROGRESS.value,
             CommandKind.REHEARSE.value),
        ).fetchall()  # fmt: skip
        for (command_id,) in cut_off:
            says = "the gateway was restarted in the middle of it"
            tx.enqueue(CommandReported(command_id, CommandState.FAILED.value, at, {}, says))


def _find_state(connection: sqlite3.Connection, command_id: str) -> str | None:
    row = connection.execute("SELECT state FROM command_log WHERE id = ?", (command_id,)).fetchone()
    return None if row is None else str(row[0])
