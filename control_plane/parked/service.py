"""What of the link waits for a person: rows that could not be applied, boxes with one identity.

Only a gateway's own tenant sees and decides it; a vendor's gateway speaks of several accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.errors import ConflictError, InvalidError
from control_plane.gateways import service as gateways
from control_plane.ingest import hello, parking
from control_plane.ingest.models import GatewayBoot, GatewayHalt
from control_plane.parked import repository
from control_plane.tenants import Tenant
from shared.ids import GatewayId

MOST_GROUPS: Final = 100
_NOTHING: Final = "nothing of this waits any more"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of one gateway."""

    gateway_id: GatewayId
    rows: int
    halted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ParkedThing:
    """The rows about one thing, and why the first of them could not be applied."""

    entity: str
    kind: str
    reason: str
    rows: int
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    applied: int
    left: int
    reason: str


def list_waiting(session: Session, tenant: Tenant) -> Sequence[Waiting]:
    """List a tenant's own gateways of which something waits: two questions."""
    rows = repository.count_rows(session, tenant)
    halts = {halt.gateway_id: halt.at for halt in repository.list_halts(session, tenant)}
    ids = sorted(rows.keys() | halts.keys(), key=lambda found: (found not in halts, found))
    return [Waiting(found, rows.get(found, 0), halts.get(found)) for found in ids]


def list_parked(session: Session, tenant: Tenant, gateway_id: GatewayId) -> Sequence[ParkedThing]:
    """List what is parked of a gateway of one's own, oldest first; a hundred things at most."""
    gateways.get_own(session, tenant, gateway_id)
    groups = repository.list_groups(session, gateway_id, MOST_GROUPS)
    first = repository.first_rows(session, gateway_id, [group.entity for group in groups])
    return [
        ParkedThing(
            entity=group.entity,
            kind=first[group.entity].kind if group.entity in first else "",
            reason=first[group.entity].reason if group.entity in first else parking.WAITS,
            rows=group.rows,
            parked_at=group.parked_at,
        )
        for group in groups
    ]


def is_parked(session: Session, gateway_id: GatewayId, entity: str) -> bool:
    """Whether something that a gateway said about a thing has not been applied."""
    return repository.is_parked(session, gateway_id, entity)


def retry(session: Session, tenant: Tenant, gateway_id: GatewayId, entity: str, by: Actor) -> Tried:
    """Try to apply the rows about one thing again, in order, up to the first that cannot be.

    Raises:
        NotFoundError: The gateway is none of one's own.
        ConflictError: Nothing about this thing is parked.
    """
    gateway = gateways.get_own(session, tenant, gateway_id)
    if not repository.is_parked(session, gateway_id, entity):
        raise ConflictError(_NOTHING)
    applied = parking.retry(session, gateway_id, entity)
    left = [row for row in parking.list_parked(session, gateway_id) if row.entity == entity]
    reason = left[0].reason if left else ""
    audit.record(
        session, tenant, "gateway.rows-retried", by, subject_kind="gateway",
        subject_id=gateway_id, outcome="refused" if left else "ok",
        detail={"name": gateway.name, "entity": entity, "applied": applied, "left": len(left)},
    )  # fmt: skip
    return Tried(applied, len(left), reason)


def give_up(session: Session, tenant: Tenant, gateway_id: GatewayId, entity: str, by: Actor) -> int:
    """Decide that the rows about one thing are never applied; they stay to be read.

    Raises:
        NotFoundError: The gateway is none of one's own.
        ConflictError: Nothing about this thing is parked.
    """
    gateway = gateways.get_own(session, tenant, gateway_id)
    count = parking.give_up(session, gateway_id, entity)
    if not count:
        raise ConflictError(_NOTHING)
    audit.record(
        session, tenant, "gateway.rows-given-up", by, subject_kind="gateway",
        subject_id=gateway_id, detail={"name": gateway.name, "entity": entity, "rows": count},
    )  # fmt: skip
    return count


def find_halt(
    session: Session, tenant: Tenant, gateway_id: GatewayId
) -> tuple[GatewayHalt, Sequence[GatewayBoot]] | None:
    """Tell whether two boxes claim to be a gateway of one's own, and which were heard."""
    gateways.get_own(session, tenant, gateway_id)
    halt = hello.find_halt(session, gateway_id)
    return None if halt is None else (halt, hello.list_boots(session, gateway_id))


def choose(
    session: Session, tenant: Tenant, gateway_id: GatewayId, boot_id: str, by: Actor
) -> None:
    """Let one box be the gateway; should the other speak, both are parked again.

    Raises:
        NotFoundError: The gateway is none of one's own.
        ConflictError: It is not parked.
        InvalidError: No such box was heard.
    """
    gateways.get_own(session, tenant, gateway_id)
    if not boot_id:
        raise InvalidError("boot_id", "choose the box that stays")
    if not hello.resolve_halt(session, gateway_id, by, chosen=boot_id):
        raise ConflictError("this gateway is not parked; there is nothing to choose")
