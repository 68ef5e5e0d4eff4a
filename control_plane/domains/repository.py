from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.domains.models import Domain, DomainCertificate, DomainLogo
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


def list_known(session: Session, ids: Collection[str]) -> set[str]:
    """List which of these ids are domains of anybody."""
    return set(session.scalars(select(Domain.id).where(Domain.id.in_(ids))))


def count_verified(session: Session, tenant: Tenant) -> int:
    query = select(func.count()).select_from(Domain)
    return (
        session.scalar(query.where(Domain.tenant == str(tenant), Domain.verified_at.is_not(None)))
        or 0
    )


def find_logo(session: Session, domain_id: str) -> DomainLogo | None:
    """Of a domain that was looked up for its tenant or its host."""
    return session.get(DomainLogo, domain_id)


def find_certificate(session: Session, domain_id: str) -> DomainCertificate | None:
    """Of a domain that was looked up for its tenant or its host."""
    return session.get(DomainCertificate, domain_id)


def list_certificates(session: Session, tenant: Tenant) -> Sequence[DomainCertificate]:
    return session.scalars(
        select(DomainCertificate)
        .join(Domain, DomainCertificate.domain_id == Domain.id)
        .where(Domain.tenant == str(tenant))
    ).all()
