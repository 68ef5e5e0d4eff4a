"""Certificates that people bring for their domains: checked before they count, sealed at rest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy.orm import Session

from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.domains import repository
from control_plane.domains import service as domains
from control_plane.domains.models import Domain, DomainCertificate
from control_plane.domains.schemas import MAX_PEM
from control_plane.errors import InvalidError, NotFoundError
from control_plane.tenants import Tenant
from control_plane.vault import Vault

WARN_BEFORE: Final = timedelta(days=30)
MAX_CHARACTERS: Final = MAX_PEM
_MOST: Final = 8
_RSA_BITS: Final = 2048
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)


@dataclass(frozen=True, slots=True)
class Brought:
    """A certificate with its key that may be shown for a domain."""

    chain: str
    key: bytes
    stamp: str
    issuer: str
    begins_at: datetime
    ends_at: datetime


def bring(
    session: Session,
    tenant: Tenant,
    domain_id: str,
    by: Actor,
    *,
    chain: str,
    key: str,
    vault: Vault,
    own_names: Collection[str] = (),
) -> DomainCertificate:
    """Show a certificate to whoever comes to a domain, from now on.

    Raises:
        InvalidError: It is not for this domain, not of this key, or not of this time.
    """
    domain = domains.get_domain(session, tenant, domain_id)
    if domain.name in own_names:
        # Gateways trust nothing else at the name by which they come.
        raise InvalidError("chain", "gateways come by this name and trust our own certificate")
    brought = read(chain, key, domain.name, utc_now())
    row = session.merge(
        DomainCertificate(
            domain_id=domain.id,
            stamp=brought.stamp,
            chain=brought.chain,
            sealed_key=vault.seal(brought.key, _context(domain.id)),
            issuer=brought.issuer,
            added_at=utc_now(),
            begins_at=brought.begins_at,
            ends_at=brought.ends_at,
        )
    )
    session.flush()
    domains.record(session, tenant, domain, "domain.certificate-brought", by)
    return row


def get_certificate(session: Session, tenant: Tenant, domain_id: str) -> DomainCertificate:
    domain = domains.get_domain(session, tenant, domain_id)
    row = repository.find_certificate(session, domain.id)
    if row is None:
        raise NotFoundError("certificate", domain_id)
    return row


def remove(session: Session, tenant: Tenant, domain_id: str, by: Actor) -> Domain:
    """Show our own authority's certificate again."""
    domain = domains.get_domain(session, tenant, domain_id)
    if row := repository.find_certificate(session, domain.id):
        session.delete(row)
        session.flush()
        domains.record(session, tenant, domain, "domain.certificate-removed", by)
    return domain


def open_key(row: DomainCertificate, vault: Vault) -> bytes:
    return vault.open(row.sealed_key, _context(row.domain_id))


def ends_soon(row: DomainCertificate, now: datetime) -> bool:
    return row.ends_at - now < WARN_BEFORE


def read(chain: str, key: str, name: str, now: datetime) -> Brought:
    """Check what somebody brought for a name.

    Raises:
        InvalidError: ``field`` says which of the two is wrong.
    """
    private = _read_key(key)
    certificates = _read_chain(chain)
    leaf = certificates[0]
    if leaf.public_key() != private.public_key():
        raise InvalidError("key", "this key does not belong to the first certificate")
    _check_names(leaf, name)
    _check_time(leaf, now)
    _check_order(certificates)
    return Brought(
        chain="".join(one.public_bytes(Encoding.PEM).decode() for one in certificates),
        key=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        stamp=hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest(),
        issuer=_common_name(leaf.issuer),
        begins_at=leaf.not_valid_before_utc,
        ends_at=leaf.not_valid_after_utc,
    )


def _read_chain(text: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(text[:MAX_CHARACTERS].encode())
    except ValueError:
        raise InvalidError("chain", "these are no certificates in PEM") from None
    if len(found) > _MOST:
        raise InvalidError("chain", "more than eight certificates are no chain of one domain")
    return found


def _read_key(text: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(text[:MAX_CHARACTERS].encode(), None)
    except TypeError:
        raise InvalidError("key", "this key has a password; bring it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidError("key", "this is no private key in PEM") from None
    is_rsa = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS
    is_curve = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES)
    if not (is_rsa or is_curve):
        raise InvalidError("key", "browsers take RSA from 2048 bits, P-256 and P-384")
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


def _check_names(leaf: x509.Certificate, name: str) -> None:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = [text.lower() for text in found.get_values_for_type(x509.DNSName)]
    except (x509.ExtensionNotFound, ValueError):
        named = []
    wildcard = f"*.{name.partition('.')[2]}"
    if name not in named and wildcard not in named:
        raise InvalidError(
            "chain",
            "the certificate does not name %(name)s, but %(others)s",
            name=name,
            others=", ".join(named[:5]) or "-",
        )


def _check_time(leaf: x509.Certificate, now: datetime) -> None:
    if now < leaf.not_valid_before_utc:
        raise InvalidError(
            "chain", "the certificate begins on %(day)s", day=leaf.not_valid_before_utc.date()
        )
    if now >= leaf.not_valid_after_utc:
        raise InvalidError(
            "chain", "the certificate ended on %(day)s", day=leaf.not_valid_after_utc.date()
        )


def _check_order(certificates: Sequence[x509.Certificate]) -> None:
    for number, (one, above) in enumerate(pairwise(certificates), 1):
        try:
            one.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            raise InvalidError(
                "chain", "certificate %(n)s is not issued by the one after it", n=number
            ) from None


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _context(domain_id: str) -> str:
    return f"domain-certificate/{domain_id}"
