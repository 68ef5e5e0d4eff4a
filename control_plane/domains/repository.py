from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.domains.models import Domain
from control_plane.tenants import Tenant


def find_verified(session: Session, host: str) -> Domain | None:
    """Whoever's it is: for the decision whose page a host shows."""
    return session.scalars(select(Domain).where(Domain.verified_name == host)).one_or_none()


def find_domain(session: Session, tenant: Tenant, domain_id: str) -> Domain | None:
    return session.scalars(
        select(Domain).where(Domain.tenant == str(tenant), Domain.id == domain_id)
    ).one_or_none()


def find_by_name(session: Session, tenant: Tenant, name: str) -> Domain | None:
    return session.scalars(
        select(Domain).where(Domain.tenant == str(tenant), Domain.name == name)
    ).one_or_none()


def list_domains(session: Session, tenant: Tenant) -> Sequence[Domain]:
    return session.scalars(
        select(Domain).where(Domain.tenant == str(tenant)).order_by(Domain.created_at, Domain.id)
    ).all()
