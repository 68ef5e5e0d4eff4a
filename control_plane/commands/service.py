"""Commands to gateways: asked here, carried out there, done when the gateway says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.commands.models import Command, PrimaryEpoch
from control_plane.database import utc_now
from control_plane.feed import service as feed
from control_plane.tenants import Tenant, from_text
from shared.ids import CommandId, GatewayId, JobId, new_id
from shared.messages import commands as wire
from shared.messages.commands import CommandKind, CommandState, may_become
from shared.messages.events import CommandReported

EXPIRES_AFTER: Final = timedelta(minutes=2)  # a release that comes later surprises its owner
_LATELY: Final = 200
_A_SECOND: Final = timedelta(seconds=1)  # certificates tell no fractions of one
_PENDING: Final = (CommandState.QUEUED.value, CommandState.IN_PROGRESS.value)


def ask(
    session: Session,
    tenant: Tenant,
    gateway_id: GatewayId,
    kind: CommandKind,
    *,
    body: Mapping[str, Any],
    by: Actor,
    expires_after: timedelta = EXPIRES_AFTER,
) -> Command:
    """Ask something of a gateway; it goes out after the commit, at once where it is connected."""
    now = utc_now()
    # The gateway's stream is the lock under which commands are numbered, too.
    feed.take_numbers(session, command_stream(gateway_id))
    seq = session.scalar(select(func.max(Command.seq)).where(Command.gateway_id == gateway_id))
    command = Command(
        id=CommandId(new_id()),
        gateway_id=gateway_id,
        tenant=str(tenant),
        seq=(seq or 0) + 1,
        kind=kind.value,
        body=dict(body),
        state=CommandState.QUEUED.value,
        result={},
        message="",
        asked_by=by.id or by.kind,
        primary_epoch=primary_epoch(session),
        issued_at=now,
        expires_at=now + expires_after,
        changed_at=now,
    )
    session.add(command)
    session.flush()
    audit.record(
        session, tenant, "command.asked", by, subject_kind="gateway", subject_id=gateway_id,
        detail={"command_id": command.id, "kind": kind.value, **body},
    )  # fmt: skip
    return command


def find_command(session: Session, tenant: Tenant, command_id: CommandId) -> Command | None:
    return session.scalars(
        select(Command).where(Command.tenant == str(tenant), Command.id == command_id)
    ).one_or_none()


def list_about_job(
    session: Session, tenant: Tenant, gateway_id: GatewayId, job_id: JobId
) -> Sequence[Command]:
    """List what was lately asked about one job, oldest first."""
    newest = session.scalars(
        select(Command)
        .where(Command.gateway_id == gateway_id, Command.tenant == str(tenant))
        .order_by(Command.seq.desc())
        .limit(_LATELY)
    )
    return [row for row in reversed(newest.all()) if row.body.get("job_id") == job_id]


def rehearsals(
    session: Session, ids: Sequence[GatewayId], now: datetime | None = None
) -> dict[GatewayId, datetime]:
    """Tell which of some gateways rehearse being cut, or were asked to, and until when."""
    moment = now or utc_now()
    rows = session.scalars(
        select(Command).where(
            Command.gateway_id.in_(ids),
            Command.kind == CommandKind.REHEARSE.value,
            Command.state.in_(_PENDING),
            Command.expires_at > moment,
        )
    )
    found: dict[GatewayId, datetime] = {}
    for row in rows:
        # Before it is heard of there is no rehearsal, and after two minutes there will be none.
        is_heard = row.state == CommandState.IN_PROGRESS.value
        if is_heard or moment < row.issued_at + EXPIRES_AFTER:
            begins = row.changed_at if is_heard else row.issued_at
            found[row.gateway_id] = begins + timedelta(seconds=int(row.body.get("seconds") or 0))
    return found


def list_pending(session: Session, gateway_id: GatewayId) -> Sequence[wire.Command]:
    """List what is still to be carried out, as it is to be said."""
    rows = session.scalars(
        select(Command)
        .where(
            Command.gateway_id == gateway_id,
            Command.state == CommandState.QUEUED.value,
            Command.expires_at > utc_now(),
        )
        .order_by(Command.seq)
    )
    return [_to_wire(row) for row in rows]


def on_reported(session: Session, gateway_id: GatewayId, facts: Sequence[CommandReported]) -> None:
    """Record how far commands are; a report about another gateway's command is none."""
    for fact in facts:
        row = session.get(Command, fact.command_id, populate_existing=True)
        if row is None or row.gateway_id != gateway_id:
            continue  # Ours no longer (a restored backup), or never: nothing to correct.
        if may_become(CommandState(row.state), CommandState(fact.state)):
            _become(session, row, CommandState(fact.state), fact.message, fact.result)


def expire(session: Session, now: datetime | None = None) -> int:
    """Give up what nobody carried out in time."""
    moment = now or utc_now()
    rows = session.scalars(
        select(Command).where(Command.state.in_(_PENDING), Command.expires_at <= moment)
    ).all()
    for row in rows:
        _become(session, row, CommandState.TIMED_OUT, "the gateway did not answer in time", {})
    return len(rows)


def primary_epoch(session: Session) -> int:
    """Tell the present epoch; the first is 1."""
    found = session.scalar(select(func.max(PrimaryEpoch.epoch)))
    return found or 1


def raise_primary_epoch(
    session: Session, why: str, *, lost_since: datetime | None = None, at_least: int = 0
) -> int:
    """Begin a new epoch: what was asked before a restore is void."""
    epoch = max(primary_epoch(session) + 1, at_least)
    session.add(PrimaryEpoch(epoch=epoch, began_at=utc_now(), why=why, lost_since=lost_since))
    session.flush()
    return epoch


def was_forgotten(session: Session, at: datetime) -> bool:
    """Whether what was at a moment may have been forgotten by a restore."""
    found = session.scalar(
        select(PrimaryEpoch.epoch)
        .where(PrimaryEpoch.lost_since < at + _A_SECOND, PrimaryEpoch.began_at >= at)
        .limit(1)
    )
    return found is not None


def command_stream(gateway_id: GatewayId) -> str:
    """Name the counter that wakes whoever sends a gateway its commands; it carries no rows."""
    return f"commands:{gateway_id}"


def _become(
    session: Session,
    row: Command,
    state: CommandState,
    message: str,
    result: Mapping[str, Any],
) -> None:
    row.state, row.message, row.changed_at = state.value, message, utc_now()
    row.result = dict(result)
    session.flush()
    if state.is_final:
        audit.record(
            session, from_text(row.tenant), f"command.{state.value}",
            Actor("gateway", row.gateway_id), subject_kind="gateway", subject_id=row.gateway_id,
            outcome="ok" if state is CommandState.SUCCEEDED else "refused",
            detail={"command_id": row.id, "kind": row.kind, "message": message},
        )  # fmt: skip


def _to_wire(row: Command) -> wire.Command:
    return wire.Command(
        v=wire.VERSION,
        id=row.id,
        gateway_id=row.gateway_id,
        seq=row.seq,
        primary_epoch=row.primary_epoch,
        kind=CommandKind(row.kind),
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        body=row.body,
    )
