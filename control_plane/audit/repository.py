from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from control_plane import bulk
from control_plane.audit.models import AuditChain, AuditEvent
from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.tenants import Tenant
from control_plane.upsert import insert_for

# The order in which they were written is the order of the chain.
_SORTS: Final[Mapping[str, Column]] = {"when": AuditEvent.seq}


def next_link(session: Session, tenant: Tenant) -> AuditChain:
    """Lock the tenant's chain and take its next number; the row's ``head`` is still the old one."""
    taken = _advance(session, tenant)
    if taken is None:
        start = insert_for(session, AuditChain).values(tenant=str(tenant), seq=0, head="")
        session.execute(start.on_conflict_do_nothing())
        taken = _advance(session, tenant)
    assert taken is not None
    return taken


def _advance(session: Session, tenant: Tenant) -> AuditChain | None:
    return session.scalars(
        update(AuditChain)
        .where(AuditChain.tenant == str(tenant))
        .values(seq=AuditChain.seq + 1)
        .returning(AuditChain)
        .execution_options(populate_existing=True)
    ).one_or_none()


def find_event(session: Session, tenant: Tenant, event_id: str) -> AuditEvent | None:
    return session.scalars(
        select(AuditEvent).where(AuditEvent.tenant == str(tenant), AuditEvent.id == event_id)
    ).one_or_none()


@dataclass(slots=True)
class ChainEnd:
    """Where a tenant's chain ends, while it is locked."""

    tenant: str
    seq: int
    head: str


def lock_chains(session: Session, tenants: Collection[str]) -> dict[str, ChainEnd]:
    """Lock the ends of some chains, in one order for all."""
    found = _locked(session, tenants)
    missing = set(tenants) - {chain.tenant for chain in found}
    if missing:
        rows = [{"tenant": tenant, "seq": 0, "head": ""} for tenant in sorted(missing)]
        bulk.insert_if_new(session, AuditChain, rows)
        found = _locked(session, tenants)
    return {chain.tenant: chain for chain in found}


def _locked(session: Session, tenants: Collection[str]) -> list[ChainEnd]:
    query = select(AuditChain.tenant, AuditChain.seq, AuditChain.head)
    query = query.where(bulk.among(session, AuditChain.tenant, tenants))
    return [
        ChainEnd(tenant, seq, head)
        for tenant, seq, head in session.execute(
            query.order_by(AuditChain.tenant).with_for_update()
        )
    ]


def move_chains(session: Session, ends: Sequence[ChainEnd]) -> None:
    """Write where chains end now that were locked."""
    bulk.update(session, AuditChain, [asdict(end) for end in ends])


def known_ids(session: Session, ids: Collection[str]) -> set[tuple[str, str]]:
    """Which of these rows are there: tenant and id."""
    query = select(AuditEvent.tenant, AuditEvent.id)
    rows = session.execute(query.where(bulk.among(session, AuditEvent.id, ids)))
    return {(row[0], row[1]) for row in rows}


def list_events(
    session: Session,
    tenant: Tenant,
    *,
    event: str | None = None,
    outcome: str | None = None,
    subject_id: str | None = None,
    actor_id: str | None = None,
    text: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[AuditEvent]:
    """List a tenant's audit, newest first; ``event`` may be a prefix such as ``card.``."""
    query: Select[AuditEvent] = select(AuditEvent).where(AuditEvent.tenant == str(tenant))
    if event:
        query = query.where(AuditEvent.event.startswith(event, autoescape=True))
    if outcome:
        query = query.where(AuditEvent.outcome == outcome)
    if subject_id:
        query = query.where(AuditEvent.subject_id == subject_id)
    if actor_id:
        query = query.where(AuditEvent.actor_id == actor_id)
    if text:
        query = query.where(contains(AuditEvent.actor_name, text))
    if since:
        query = query.where(AuditEvent.at >= since)
    if until:
        query = query.where(AuditEvent.at < until)
    by = (AuditEvent.seq, AuditEvent.id)
    return paginate(
        session, query, by, cursor=cursor, limit=limit, newest_first=True, sorts=_SORTS,
        order=order,
    )  # fmt: skip


def list_after(session: Session, tenant: Tenant, seq: int, limit: int) -> Sequence[AuditEvent]:
    """List rows in the order of the chain, from behind one of them."""
    query = select(AuditEvent).where(AuditEvent.tenant == str(tenant), AuditEvent.seq > seq)
    return session.scalars(query.order_by(AuditEvent.seq).limit(limit)).all()


def all_in_order(session: Session, tenant: Tenant) -> Iterator[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.tenant == str(tenant)).order_by(AuditEvent.seq)
    yield from session.scalars(query.execution_options(yield_per=1000))


def chains(session: Session) -> Sequence[AuditChain]:
    return session.scalars(select(AuditChain).order_by(AuditChain.tenant)).all()
