from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.domains import brand, certificates
from control_plane.domains import service as domains
from control_plane.domains.dns import DnsLookup
from control_plane.domains.schemas import (
    CertificateView,
    DomainChanges,
    DomainView,
    NewCertificate,
    NewDomain,
    NewLogo,
)
from control_plane.request import actor, caller, parts, vault
from control_plane.rest.routing import Items, PageQuery, Rest, expected_version, few
from control_plane.security.permissions import Permission
from shared.ids import AccountId

rest = Rest("domains", __name__)


@rest.get("/domains", Permission.SEE_SETTINGS, query=PageQuery, answer=Items[DomainView])
def list_domains(session: Session, query: PageQuery) -> Items[DomainView]:
    """List one's domains."""
    return few(domains.list_domains(session, caller().tenant), DomainView, query)


@rest.post("/domains", Permission.CHANGE_SETTINGS, body=NewDomain, answer=DomainView)
def create_domain(session: Session, body: NewDomain) -> DomainView:
    """Claim a domain; the challenge goes into DNS, then it is verified."""
    domain = domains.create(session, caller().tenant, body, actor())
    return DomainView.model_validate(domain)


@rest.get("/domains/<domain_id>", Permission.SEE_SETTINGS, answer=DomainView)
def get_domain(session: Session, domain_id: str) -> DomainView:
    """Show a domain."""
    return DomainView.model_validate(domains.get_domain(session, caller().tenant, domain_id))


@rest.patch(
    "/domains/<domain_id>", Permission.CHANGE_SETTINGS, body=DomainChanges, answer=DomainView
)
def update_domain(session: Session, domain_id: str, body: DomainChanges) -> DomainView:
    """Change a domain's brand."""
    domain = domains.update(
        session, caller().tenant, domain_id, body, actor(), expected_version=expected_version()
    )
    return DomainView.model_validate(domain)


@rest.delete("/domains/<domain_id>", Permission.CHANGE_SETTINGS)
def delete_domain(session: Session, domain_id: str) -> None:
    """Give a domain up."""
    domains.delete(session, caller().tenant, domain_id, actor())


@rest.put("/domains/<domain_id>/logo", Permission.CHANGE_SETTINGS, body=NewLogo, answer=DomainView)
def set_logo(session: Session, domain_id: str, body: NewLogo) -> DomainView:
    """Give a domain its logo."""
    domain = brand.set_logo(session, caller().tenant, domain_id, body.picture(), actor())
    return DomainView.model_validate(domain)


@rest.delete("/domains/<domain_id>/logo", Permission.CHANGE_SETTINGS)
def remove_logo(session: Session, domain_id: str) -> None:
    """Take a domain's logo away."""
    brand.remove_logo(session, caller().tenant, domain_id, actor())


@rest.get("/domains/<domain_id>/certificate", Permission.SEE_SETTINGS, answer=CertificateView)
def get_certificate(session: Session, domain_id: str) -> CertificateView:
    """Show the certificate that was brought for a domain."""
    row = certificates.get_certificate(session, caller().tenant, domain_id)
    return CertificateView.model_validate(row)


@rest.put(
    "/domains/<domain_id>/certificate",
    Permission.CHANGE_SETTINGS,
    body=NewCertificate,
    answer=CertificateView,
)
def bring_certificate(session: Session, domain_id: str, body: NewCertificate) -> CertificateView:
    """Show this certificate to whoever comes to the domain."""
    row = certificates.bring(
        session,
        caller().tenant,
        domain_id,
        actor(),
        chain=body.chain,
        key=body.key,
        vault=vault(),
        own_names=parts().settings.own_names,
    )
    return CertificateView.model_validate(row)


@rest.delete("/domains/<domain_id>/certificate", Permission.CHANGE_SETTINGS)
def remove_certificate(session: Session, domain_id: str) -> None:
    """Show a certificate of this installation again."""
    certificates.remove(session, caller().tenant, domain_id, actor())


@rest.act(
    "/domains/<domain_id>/verify",
    Permission.CHANGE_SETTINGS,
    answer=DomainView,
    own_transactions=True,
)
def verify_domain(domain_id: str) -> DomainView:
    """Look for the challenge in DNS, or for the domain above, and make the domain count."""
    domain = domains.check_and_verify(
        parts().database,
        caller().tenant,
        domain_id,
        actor(),
        DnsLookup(parts().settings.dns_servers),
    )
    return DomainView.model_validate(domain)


@rest.act(
    "/accounts/<below_id>/domains/<domain_id>/verify", Permission.CHANGE_ACCOUNTS, answer=DomainView
)
def vouch_for_domain(session: Session, below_id: AccountId, domain_id: str) -> DomainView:
    """As a vendor, give one of its accounts a name below the vendor's own domain."""
    domain = domains.vouch(session, caller().vendor_id, below_id, domain_id, actor())
    return DomainView.model_validate(domain)
