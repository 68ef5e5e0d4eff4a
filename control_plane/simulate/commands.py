"""What a simulated gateway answers to commands: it carries nothing out but the diagnosis."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from shared.ids import GatewayId
from shared.messages.commands import Command, CommandKind, CommandState
from shared.messages.events import CommandReported

_KEPT: Final = 100
_SAYS: Final = "this gateway is simulated"


class Commands:
    """Answers each command once."""

    def __init__(self, gateway_id: GatewayId) -> None:
        self._gateway_id = gateway_id
        self._known: deque[str] = deque(maxlen=_KEPT)
        self.primary_epoch: int | None = None  # of the last Hello

    def answer(self, command: Command) -> Sequence[CommandReported] | None:
        """Report how far it is; None for one that is known."""
        if command.id in self._known:
            return None
        self._known.append(command.id)
        now = datetime.now(UTC)
        return [
            CommandReported(command.id, state.value, now, message=_SAYS)
            for state in self._states(command, now)
        ]

    def _states(self, command: Command, now: datetime) -> Sequence[CommandState]:
        if (
            command.gateway_id != self._gateway_id
            or command.primary_epoch != self.primary_epoch
            or now >= command.expires_at
        ):
            return [CommandState.REJECTED]
        if command.kind is CommandKind.DIAGNOSE:
            return [CommandState.IN_PROGRESS, CommandState.SUCCEEDED]
        return [CommandState.IN_PROGRESS, CommandState.FAILED]
