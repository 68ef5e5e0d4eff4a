"""Domains: claimed by anybody, shown by the one who is verified.

Verified by a DNS TXT record, by the owner of the parent domain, or by the owner of the
installation (audited; air-gapped sites have no DNS that we could ask).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import Database, utc_now
from control_plane.domains import repository
from control_plane.domains.models import Domain
from control_plane.domains.schemas import DomainChanges, NewDomain
from control_plane.errors import ConflictError, NotFoundError
from control_plane.tenants import Tenant
from shared.ids import AccountId, VendorId, new_id
from shared.secrets import new_token

CHALLENGE_PREFIX: Final = "_spoolhouse-challenge"
BY_DNS: Final = "dns"
BY_PARENT: Final = "parent"

list_domains = repository.list_domains
list_certificates = repository.list_certificates
find_certificate = repository.find_certificate
find_logo = repository.find_logo
find_verified = repository.find_verified


class TxtLookup(Protocol):
    """Asks DNS for the TXT records of a name; nothing found is an empty sequence."""

    def __call__(self, name: str) -> Sequence[str]: ...


def create(session: Session, tenant: Tenant, new: NewDomain, by: Actor) -> Domain:
    """Claim a domain; it shows nothing before it is verified."""
    if repository.find_by_name(session, tenant, new.name):
        raise ConflictError("this domain is claimed already", "name")
    domain = Domain(
        id=new_id(),
        tenant=str(tenant),
        name=new.name,
        challenge=f"spoolhouse={new_token()}",
        brand_name=new.brand_name,
        brand_color=new.brand_color or "",
    )
    session.add(domain)
    session.flush()
    record(session, tenant, domain, "domain.claimed", by)
    return domain


def get_domain(session: Session, tenant: Tenant, domain_id: str) -> Domain:
    domain = repository.find_domain(session, tenant, domain_id)
    if domain is None:
        raise NotFoundError("domain", domain_id)
    return domain


def update(
    session: Session,
    tenant: Tenant,
    domain_id: str,
    body: DomainChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Domain:
    domain = get_domain(session, tenant, domain_id)
    changes.check_version(domain, expected_version)
    changes.apply(domain, body)
    session.flush()
    record(session, tenant, domain, "domain.changed", by)
    return domain


def has_challenge(domain: Domain, lookup: TxtLookup) -> bool:
    """Whether DNS shows the challenge; asked outside of any transaction."""
    return domain.challenge in lookup(f"{CHALLENGE_PREFIX}.{domain.name}")


def verify(
    session: Session, tenant: Tenant, domain_id: str, by: Actor, *, verified_by: str
) -> Domain:
    """Make a domain count. DNS has the last word: who proves it there takes it over.

    Raises:
        ConflictError: Somebody else is verified, and this proof is not stronger.
    """
    domain = get_domain(session, tenant, domain_id)
    holder = repository.find_verified(session, domain.name)
    if holder is not None and holder.id != domain.id:
        if verified_by != BY_DNS or holder.verified_by == BY_DNS:
            raise ConflictError("this domain belongs to somebody else here", "name")
        holder.verified_name = holder.verified_at = holder.verified_by = None
        session.flush()
        record(session, tenants.from_text(holder.tenant), holder, "domain.lost", by)
    domain.verified_name = domain.name
    domain.verified_at = utc_now()
    domain.verified_by = verified_by
    session.flush()
    record(session, tenant, domain, "domain.verified", by)
    return domain


def check_and_verify(
    database: Database, tenant: Tenant, domain_id: str, by: Actor, lookup: TxtLookup
) -> Domain:
    """Verify by DNS, or by holding the domain above; DNS is asked between the transactions.

    Raises:
        ConflictError: Neither proves it; the text says what record is awaited.
    """
    with database.reading() as session:
        domain = get_domain(session, tenant, domain_id)
        is_parent = may_parent_verify(session, tenant, domain.name)
    if has_challenge(domain, lookup):
        verified_by = BY_DNS
    elif is_parent:
        verified_by = BY_PARENT
    else:
        raise ConflictError(
            "DNS shows no TXT record %(record)s with %(value)s",
            "name",
            record=f"{CHALLENGE_PREFIX}.{domain.name}",
            value=domain.challenge,
        )
    with database.writing() as session:
        return verify(session, tenant, domain_id, by, verified_by=verified_by)


def may_parent_verify(session: Session, parent: Tenant, name: str) -> bool:
    """Whether a tenant holds the nearest verified domain above this name."""
    labels = name.split(".")
    for n in range(1, len(labels)):
        holder = repository.find_verified(session, ".".join(labels[n:]))
        if holder is not None:
            return holder.tenant == str(parent)
    return False


def vouch(
    session: Session, vendor_id: VendorId, account_id: AccountId, domain_id: str, by: Actor
) -> Domain:
    """A vendor gives one of its accounts a name below its own domain.

    Raises:
        ConflictError: The name is not below a domain of the vendor's.
    """
    account = accounts.get_of_vendor(session, vendor_id, account_id)
    tenant = tenants.account(account.id)
    domain = get_domain(session, tenant, domain_id)
    if not may_parent_verify(session, tenants.vendor(vendor_id), domain.name):
        raise ConflictError("this name is not below a domain of the vendor's", "name")
    return verify(session, tenant, domain_id, by, verified_by=BY_PARENT)


def delete(session: Session, tenant: Tenant, domain_id: str, by: Actor) -> None:
    """Give a domain up.

    Raises:
        ConflictError: It is the last one at which people can sign in.
    """
    domain = get_domain(session, tenant, domain_id)
    if domain.verified_at and repository.count_verified(session, tenant) == 1:
        raise ConflictError("this is the last verified domain; nobody could sign in without it")
    session.delete(domain)
    session.flush()
    record(session, tenant, domain, "domain.deleted", by)


def record(session: Session, tenant: Tenant, domain: Domain, event: str, by: Actor) -> None:
    """Tell the audit what was done to a domain."""
    audit.record(
        session, tenant, event, by, subject_kind="domain", subject_id=domain.id,
        detail={"name": domain.name, "verified_by": domain.verified_by},
    )  # fmt: skip
