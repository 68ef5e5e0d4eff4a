from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

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


def known_ids(session: Session, tenant: Tenant, ids: Sequence[str]) -> set[str]:
    return set(
        session.scalars(
            select(AuditEvent.id).where(AuditEvent.tenant == str(tenant), AuditEvent.id.in_(ids))
        )
    )


def list_events(
    session: Session,
    tenant: Tenant,
    *,
    event: str | None = None,
    outcome: str | None = None,
    subject_id: str | None = None,
    actor_id: str | None = None,
    text: str | None = None,
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
    by = (AuditEvent.seq, AuditEvent.id)
    return paginate(
        session, query, by, cursor=cursor, limit=limit, newest_first=True, sorts=_SORTS,
        order=order,
    )  # fmt: skip


def all_in_order(session: Session, tenant: Tenant) -> Iterator[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.tenant == str(tenant)).order_by(AuditEvent.seq)
    yield from session.scalars(query.execution_options(yield_per=1000))


def chains(session: Session) -> Sequence[AuditChain]:
    return session.scalars(select(AuditChain).order_by(AuditChain.tenant)).all()
