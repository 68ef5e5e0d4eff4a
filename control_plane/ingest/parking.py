"""Rows that could not be applied wait here with their reason; others go on.

Parking is an acknowledgement: one bad row never stops a gateway. Later rows of the same entity
wait behind it, so that nothing is applied out of order when it is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.ingest import handlers
from control_plane.ingest.models import ParkedRow
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.envelope import Batch, RowText

log = logging.getLogger(__name__)


def apply_or_park(session: Session, gateway_id: GatewayId, batch: Batch) -> int:
    """Apply what can be applied and park the rest; returns how many rows were parked."""
    waiting = _waiting_entities(session, gateway_id, {row.entity for row in batch.rows})
    free = [row for row in batch.rows if row.entity not in waiting]
    if len(free) == len(batch.rows) and _try(session, gateway_id, free) is None:
        return 0
    return _one_by_one(session, gateway_id, batch, waiting)


def list_parked(session: Session, gateway_id: GatewayId) -> Sequence[ParkedRow]:
    """List what waits, oldest first."""
    return session.scalars(
        select(ParkedRow)
        .where(ParkedRow.gateway_id == gateway_id, ParkedRow.settled_at.is_(None))
        .order_by(ParkedRow.parked_at, ParkedRow.epoch, ParkedRow.seq)
    ).all()


def retry(session: Session, gateway_id: GatewayId, entity: str) -> int:
    """Try an entity's rows again, in order; returns how many were applied."""
    applied = 0
    for parked in list_parked(session, gateway_id):
        if parked.entity != entity:
            continue
        row = read_row(parked)
        reason = _try(session, gateway_id, [row])
        if reason is not None:
            parked.reason = reason
            break
        parked.settled_at = utc_now()
        applied += 1
    session.flush()
    return applied


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
            reason: str | None = "waits for an earlier row of the same thing"
        else:
            reason = _try(session, gateway_id, [row])
        if reason is not None:
            waiting.add(row.entity)
            _park(session, gateway_id, batch, row, reason)
            count += 1
    return count


def _try(session: Session, gateway_id: GatewayId, rows: Sequence[RowText]) -> str | None:
    """Apply rows together or not at all; returns why not."""
    try:
        with session.begin_nested():
            handlers.apply(session, gateway_id, rows)
    except (OperationalError, InterfaceError):
        raise  # The database is away or busy: nothing is wrong with the rows.
    except Exception as error:
        # Whatever a row makes our code do, it must not stop the rows of others.
        if len(rows) == 1:
            log.warning(
                "gateway %s: row %d (%s) is parked", gateway_id, rows[0].seq, rows[0].kind,
                exc_info=True,
            )  # fmt: skip
        return f"{type(error).__name__}: {error}"[:500]
    return None


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


def _waiting_entities(
    session: Session, gateway_id: GatewayId, entities: Collection[str]
) -> set[str]:
    return set(
        session.scalars(
            select(ParkedRow.entity).where(
                ParkedRow.gateway_id == gateway_id,
                ParkedRow.entity.in_(entities),
                ParkedRow.settled_at.is_(None),
            )
        )
    )
