from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.gateways.models import Gateway
from control_plane.ingest import parking
from control_plane.ingest.models import GatewayHalt, ParkedRow
from control_plane.tenants import Tenant
from shared.ids import GatewayId


@dataclass(frozen=True, slots=True)
class Group:
    """The rows about one thing: later ones wait behind the first."""

    entity: str
    rows: int
    parked_at: datetime


def count_rows(session: Session, tenant: Tenant) -> Mapping[GatewayId, int]:
    """Count what is parked of each of a tenant's own gateways."""
    rows = session.execute(
        select(ParkedRow.gateway_id, func.count())
        .join(Gateway, Gateway.id == ParkedRow.gateway_id)
        .where(Gateway.tenant == str(tenant), ParkedRow.settled_at.is_(None))
        .group_by(ParkedRow.gateway_id)
    )
    return {row[0]: row[1] for row in rows}


def list_halts(session: Session, tenant: Tenant) -> Sequence[GatewayHalt]:
    """List which of a tenant's own gateways are parked themselves."""
    mine = select(GatewayHalt).join(Gateway, Gateway.id == GatewayHalt.gateway_id)
    return session.scalars(mine.where(Gateway.tenant == str(tenant))).all()


def list_groups(session: Session, gateway_id: GatewayId, limit: int) -> Sequence[Group]:
    """List what is parked of one gateway by the thing that it is about, oldest first."""
    since = func.min(ParkedRow.parked_at)
    rows = session.execute(
        select(ParkedRow.entity, func.count(), since)
        .where(ParkedRow.gateway_id == gateway_id, ParkedRow.settled_at.is_(None))
        .group_by(ParkedRow.entity)
        .order_by(since, ParkedRow.entity)
        .limit(limit)
    )
    return [Group(*row) for row in rows]


def first_rows(
    session: Session, gateway_id: GatewayId, entities: Collection[str]
) -> Mapping[str, ParkedRow]:
    """Find the row of each thing that could not be applied itself."""
    rows = session.scalars(
        select(ParkedRow)
        .where(
            ParkedRow.gateway_id == gateway_id,
            ParkedRow.entity.in_(entities),
            ParkedRow.settled_at.is_(None),
            ParkedRow.reason != parking.WAITS,
        )
        .order_by(ParkedRow.epoch.desc(), ParkedRow.seq.desc())
    )
    return {row.entity: row for row in rows}


def is_parked(session: Session, gateway_id: GatewayId, entity: str) -> bool:
    found = select(ParkedRow.seq).where(
        ParkedRow.gateway_id == gateway_id,
        ParkedRow.entity == entity,
        ParkedRow.settled_at.is_(None),
    )
    return session.scalar(found.limit(1)) is not None
