"""What each kind of fact does here: many at a time, right when told twice and when told late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.cards import enrolling
from control_plane.commands import service as commands
from control_plane.gateways import service as gateways
from control_plane.jobs import service as jobs
from control_plane.terminals import service as terminals
from control_plane.users import codes
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.envelope import RowText
from shared.messages.events import (
    FACTS,
    AccountForgotten,
    AuditRecorded,
    CardEnrolled,
    CommandReported,
    JobChanged,
    JobCounted,
    JobReceived,
    JobsListed,
    SignInCodeUsed,
    TerminalPaired,
    UsageRecorded,
)

Told = tuple[GatewayId, Any]  # a gateway and one of FACTS
Handler = Callable[[Session, Sequence[Told]], None]


class UnknownFactError(Exception):
    """A newer gateway says something that this version does not know: parked until it does."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"facts of kind {kind!r} are not known to this version")
        self.kind = kind


def _for_each(handler: Callable[[Session, GatewayId, Sequence[Any]], None]) -> Handler:
    """Let a handler of rare facts see one gateway at a time."""

    def handle(session: Session, told: Sequence[Told]) -> None:
        by_gateway: dict[GatewayId, list[Any]] = {}
        for gateway_id, fact in told:
            by_gateway.setdefault(gateway_id, []).append(fact)
        for gateway_id, facts in by_gateway.items():
            handler(session, gateway_id, facts)

    return handle


# In this order, and the audit's lock last; kinds that share a handler come to it in their order.
HANDLERS: Final[Mapping[str, Handler]] = {
    **dict.fromkeys(
        (
            JobReceived.KIND,
            JobChanged.KIND,
            JobCounted.KIND,
            JobsListed.KIND,
            UsageRecorded.KIND,
        ),
        jobs.on_told,
    ),
    CardEnrolled.KIND: _for_each(enrolling.on_enrolled),
    SignInCodeUsed.KIND: _for_each(codes.on_used),
    TerminalPaired.KIND: _for_each(terminals.on_paired),
    AccountForgotten.KIND: _for_each(gateways.on_account_forgotten),
    CommandReported.KIND: _for_each(commands.on_reported),
    AuditRecorded.KIND: audit.on_gateway_audit,
}


def apply(session: Session, rows: Sequence[tuple[GatewayId, RowText]]) -> None:
    """Apply rows, which may be of many gateways, each gateway's in its order.

    Raises:
        UnknownFactError: A kind that we do not know.
        MessageError: A body that is not what its kind should have.
        SpoolhouseError: A noun refuses: not its account, not its job.
    """
    by_handler: dict[Handler, list[Told]] = {handler: [] for handler in HANDLERS.values()}
    for gateway_id, row in rows:
        handler = HANDLERS.get(row.kind)
        if handler is None:
            raise UnknownFactError(row.kind)
        fact = codec.from_plain(FACTS[row.kind], row.body, f"row {row.seq}")
        by_handler[handler].append((gateway_id, fact))
    with audit.together(session):
        for handler, told in by_handler.items():
            if told:
                handler(session, told)
        session.flush()
