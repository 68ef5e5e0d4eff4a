"""What each kind of fact does here: many at a time, right when told twice and when told late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.commands import service as commands
from control_plane.gateways import service as gateways
from control_plane.jobs import service as jobs
from control_plane.terminals import service as terminals
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.envelope import RowText
from shared.messages.events import (
    FACTS,
    AccountForgotten,
    AuditRecorded,
    CommandReported,
    JobChanged,
    JobCounted,
    JobReceived,
    TerminalPaired,
    UsageRecorded,
)

Handler = Callable[[Session, GatewayId, Sequence[Any]], None]


class UnknownFactError(Exception):
    """A newer gateway says something that this version does not know: parked until it does."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"facts of kind {kind!r} are not known to this version")
        self.kind = kind


def _on_audit(session: Session, gateway_id: GatewayId, facts: Sequence[AuditRecorded]) -> None:
    for account_id in sorted({fact.account_id for fact in facts if fact.account_id}):
        gateways.check_served(session, gateway_id, account_id)
    audit.on_gateway_audit(session, gateway_id, facts)


# In this order: what others refer to comes first, and the audit's lock last.
HANDLERS: Final[Mapping[str, Handler]] = {
    JobReceived.KIND: jobs.on_received,
    JobChanged.KIND: jobs.on_changed,
    JobCounted.KIND: jobs.on_counted,
    UsageRecorded.KIND: jobs.on_usage,
    TerminalPaired.KIND: terminals.on_paired,
    AccountForgotten.KIND: gateways.on_account_forgotten,
    CommandReported.KIND: commands.on_reported,
    AuditRecorded.KIND: _on_audit,
}


def apply(session: Session, gateway_id: GatewayId, rows: Sequence[RowText]) -> None:
    """Apply rows of one gateway, kind by kind.

    Raises:
        UnknownFactError: A kind that we do not know.
        MessageError: A body that is not what its kind should have.
        SpoolhouseError: A noun refuses: not its account, not its job.
    """
    by_kind: dict[str, list[Any]] = {}
    for row in rows:
        if row.kind not in HANDLERS:
            raise UnknownFactError(row.kind)
        fact = codec.from_plain(FACTS[row.kind], row.body, f"row {row.seq}")
        by_kind.setdefault(row.kind, []).append(fact)
    for kind, handler in HANDLERS.items():
        if kind in by_kind:
            handler(session, gateway_id, by_kind[kind])
    session.flush()
