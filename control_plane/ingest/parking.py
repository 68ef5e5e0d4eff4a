"""Rows that could not be applied wait here with their reason; others go on.

Parking is an acknowledgement: one bad row never stops a gateway. Later rows of the same entity
wait behind it, so that nothing is applied out of order when it is tried again. A list of jobs
waits for nobody; what it says of a job whose rows are parked is noted with them, and is said
again when they are applied.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
)
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.audit import service as audit
from control_plane.database import utc_now
from control_plane.ingest import handlers
from control_plane.ingest.models import ParkedRow
from control_plane.jobs import service as jobs
from shared.ids import GatewayId, JobId
from shared.messages import codec
from shared.messages.envelope import Batch, RowText
from shared.messages.events import JobsListed

log = logging.getLogger(__name__)

WAITS: Final = "waits for an earlier row of the same thing"


def apply_or_park(session: Session, batches: Sequence[tuple[GatewayId, Batch]]) -> int:
    """Apply what can be applied and park the rest; returns how many rows were parked.

    What all gateways of a transaction tell is applied at once. Where something of it cannot be,
    each batch is tried alone, and of that batch each row.
    """
    waiting = _waiting_entities(session, {gateway_id for gateway_id, _ in batches})
    rows = [(gateway_id, row) for gateway_id, batch in batches for row in batch.rows]
    if not waiting and _try(session, rows) is None:
        return 0
    # From here on piece by piece, which would lock the chains of the audit in any order.
    audit.lock_speakers(session, {gateway_id for gateway_id, _ in batches})
    count = 0
    for gateway_id, batch in batches:
        mine = waiting.setdefault(gateway_id, set())
        free = [(gateway_id, row) for row in batch.rows if row.entity not in mine]
        if len(free) < len(batch.rows) or _try(session, free) is not None:
            count += _one_by_one(session, gateway_id, batch, mine)
    return count


def list_parked(session: Session, gateway_id: GatewayId) -> Sequence[ParkedRow]:
    """List what waits, oldest first."""
    return session.scalars(
        select(ParkedRow)
        .where(ParkedRow.gateway_id == gateway_id, ParkedRow.settled_at.is_(None))
        .order_by(ParkedRow.parked_at, ParkedRow.epoch, ParkedRow.seq)
    ).all()


def retry(session: Session, gateway_id: GatewayId, entity: str) -> int:
    """Try an entity's rows again, in order; returns how many were applied."""
    applied = list[ParkedRow]()
    for parked in list_parked(session, gateway_id):
        if parked.entity != entity:
            continue
        row = read_row(parked)
        reason = _try(session, [(gateway_id, row)])
        if reason is not None:
            parked.reason = reason
            break
        parked.settled_at = utc_now()
        applied.append(parked)
    session.flush()
    _say_what_is_gone(session, gateway_id, applied)
    return len(applied)


def retry_all(session: Session) -> int:
    """Try everything once more: a new release may know what the old one did not."""
    waiting = session.execute(
        select(ParkedRow.gateway_id, ParkedRow.entity)
        .where(ParkedRow.settled_at.is_(None))
        .distinct()
    ).all()
    return sum(retry(session, gateway_id, entity) for gateway_id, entity in waiting)


def give_up(session: Session, gateway_id: GatewayId, entity: str) -> int:
    """Let a person decide that an entity's rows are not to be applied; they stay to be read."""
    rows = [row for row in list_parked(session, gateway_id) if row.entity == entity]
    for row in rows:
        row.settled_at = utc_now()
    session.flush()
    return len(rows)


def read_row(parked: ParkedRow) -> RowText:
    text = codec.loads(parked.raw)
    return RowText(text["seq"], text["kind"], text["entity"], text["at"], text["body"], parked.raw)


def _one_by_one(session: Session, gateway_id: GatewayId, batch: Batch, waiting: set[str]) -> int:
    count = 0
    for row in batch.rows:
        if row.entity in waiting:
            reason: str | None = WAITS
        else:
            reason = _try(session, [(gateway_id, row)])
        if reason is not None:
            waiting.add(row.entity)
            _park(session, gateway_id, batch, row, reason)
            count += 1
    return count


def _try(session: Session, rows: Sequence[tuple[GatewayId, RowText]]) -> str | None:
    """Apply rows together or not at all; returns why not."""
    try:
        with session.begin_nested():
            handlers.apply(session, rows)
            _note_lists(session, rows)
    except (OperationalError, InterfaceError, PendingRollbackError):
        raise  # The database is away or busy: nothing is wrong with the rows.
    except Exception as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        # Whatever a row makes our code do, it must not stop the rows of others.
        if len(rows) == 1:
            gateway_id, row = rows[0]
            log.warning(
                "gateway %s: row %d (%s) is parked", gateway_id, row.seq, row.kind, exc_info=True
            )
        return f"{type(error).__name__}: {error}"[:500]
    return None


def _note_lists(session: Session, rows: Sequence[tuple[GatewayId, RowText]]) -> None:
    """Note with what is parked what a list that came after it says."""
    for gateway_id, row in rows:
        if row.kind != JobsListed.KIND:
            continue
        listed = codec.from_plain(JobsListed, row.body, f"row {row.seq}")
        there = set(listed.job_ids)
        for parked in list_parked(session, gateway_id):
            job_id = _job_of(parked)
            if job_id is not None and listed.speaks_of(job_id):
                is_gone = job_id not in there
                parked.gone_epoch = listed.home_epoch if is_gone else None
                parked.gone_at = listed.at if is_gone else None


def on_another_disk(
    session: Session, gateway_id: GatewayId, *, before_epoch: int, at: datetime
) -> None:
    """A gateway began with an empty disk: the jobs of what is parked are gone, too."""
    for parked in list_parked(session, gateway_id):
        if _job_of(parked) is not None:
            parked.gone_epoch, parked.gone_at = before_epoch, at
    session.flush()


def _say_what_is_gone(
    session: Session, gateway_id: GatewayId, applied: Sequence[ParkedRow]
) -> None:
    """Rows of one thing were applied after a list that says that it is gone."""
    for parked in applied[-1:]:
        job_id = _job_of(parked)
        if job_id is not None and parked.gone_epoch is not None and parked.gone_at is not None:
            jobs.on_gone(
                session, gateway_id, job_id, home_epoch=parked.gone_epoch, at=parked.gone_at
            )


def _job_of(parked: ParkedRow) -> JobId | None:
    kind, _, job_id = parked.entity.partition(":")
    return JobId(job_id) if kind == "job" else None


def _park(session: Session, gateway_id: GatewayId, batch: Batch, row: RowText, reason: str) -> None:
    key = (gateway_id, batch.header.lane.value, batch.header.epoch, row.seq)
    if session.get(ParkedRow, key) is not None:
        return
    session.add(
        ParkedRow(
            gateway_id=gateway_id,
            lane=batch.header.lane.value,
            epoch=batch.header.epoch,
            seq=row.seq,
            kind=row.kind,
            entity=row.entity,
            raw=row.raw,
            reason=reason,
            parked_at=utc_now(),
            settled_at=None,
        )
    )
    session.flush()


def _waiting_entities(session: Session, ids: Collection[GatewayId]) -> dict[GatewayId, set[str]]:
    """What waits at these gateways; nearly always nothing."""
    query = select(ParkedRow.gateway_id, ParkedRow.entity).where(
        bulk.among(session, ParkedRow.gateway_id, ids), ParkedRow.settled_at.is_(None)
    )
    found: dict[GatewayId, set[str]] = {}
    for gateway_id, entity in session.execute(query):
        found.setdefault(gateway_id, set()).add(entity)
    return found
