"""Commands: small durable state machines that the primary starts and a gateway carries out.

A command travels on ``down/command``, signed. A gateway carries it out if it is for this gateway,
of the present primary epoch, not expired, and not known yet; else it is rejected and audited, or,
when it is known, answered again with what became of it. How far it is comes back as the fact
``command.reported``::

    queued -> in-progress -> succeeded | failed
       |           +-------> timed-out
       +-> rejected | timed-out
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from shared.ids import CommandId, GatewayId

VERSION: Final = 1


class CommandKind(Enum):
    """What can be asked; ``body`` holds the fields in brackets."""

    RELEASE_JOB = "job.release"  # [account_id, job_id, printer_id, owner_id]
    CANCEL_JOB = "job.cancel"  # [account_id, job_id]
    REASSIGN_JOB = "job.reassign"  # [account_id, job_id, owner_id]: nobody's job becomes theirs
    IDENTIFY_PRINTER = "printer.identify"  # [account_id, printer_id]
    DIAGNOSE_PRINTER = "printer.diagnose"  # [account_id, printer_id]
    DIAGNOSE = "gateway.diagnose"  # []
    # [seconds, begin_before]: behave as cut; in progress until it has ended
    REHEARSE = "gateway.rehearse"
    END_REHEARSAL = "gateway.end-rehearsal"  # []: the one thing heard in a rehearsal


class CommandState(Enum):
    QUEUED = "queued"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        return self not in {CommandState.QUEUED, CommandState.IN_PROGRESS}


_C: Final = CommandState
COMMAND_TRANSITIONS: Final[Mapping[CommandState, frozenset[CommandState]]] = {
    _C.QUEUED: frozenset(set(_C) - {_C.QUEUED}),
    _C.IN_PROGRESS: frozenset({_C.SUCCEEDED, _C.FAILED, _C.TIMED_OUT}),
    # What the gateway did counts more than our patience: a late report corrects a time-out.
    _C.TIMED_OUT: frozenset({_C.SUCCEEDED, _C.FAILED, _C.REJECTED}),
}


def may_become(state: CommandState, new: CommandState) -> bool:
    return new in COMMAND_TRANSITIONS.get(state, frozenset())


@dataclass(frozen=True, slots=True)
class Command:
    """One thing asked of one gateway."""

    v: int
    id: CommandId
    gateway_id: GatewayId
    seq: int  # counts the commands of this gateway
    primary_epoch: int
    kind: CommandKind
    issued_at: datetime
    expires_at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
