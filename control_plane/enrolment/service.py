"""How a box becomes a gateway, stays one, and is one no longer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.enrolment.models import (
    EndedCertificate,
    EnrolmentRequest,
    GatewayCertificate,
    GatewayCode,
)
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.tenants import INSTALLATION, Tenant, from_text
from control_plane.vault import Vault
from shared.crypto import authority
from shared.crypto.authority import Authority, CertificateError
from shared.enrolment_code import SECRET_BYTES, EnrolmentCode, hash_secret
from shared.ids import GatewayId, is_id
from shared.messages.enrolment import RENEW_CONTEXT, EnrolRequest, RenewRequest

CODE_LIFE: Final = timedelta(hours=1)
EXPIRED_FOR: Final = timedelta(days=400)  # how long an expired certificate still proves its holder
_X25519_BYTES: Final = 32
Enrolled: TypeAlias = tuple[Gateway, bytes]  # the gateway and its certificate


class EnrolmentRefusedError(SpoolhouseError):
    """The asker does not become a gateway (403); ``reason`` is for the audit alone.

    ``told`` is what the asker hears: the keyword of a reason that it may know.
    """

    def __init__(
        self, reason: str, gateway_id: GatewayId | None = None, *, told: str | None = None
    ) -> None:
        super().__init__("this code or certificate is not accepted")
        self.reason = reason
        self.gateway_id = gateway_id
        self.told = told


def create_code(
    session: Session, gateway: Gateway, by: Actor, *, url: str, authority_pem: bytes
) -> tuple[EnrolmentCode, datetime]:
    """Make a code for a gateway, good once and for an hour; earlier ones are void.

    Who waits for approval with an earlier one waits for nothing.
    """
    now = utc_now()
    session.execute(
        update(EnrolmentRequest)
        .where(EnrolmentRequest.gateway_id == gateway.id, EnrolmentRequest.expires_at > now)
        .values(expires_at=now)
    )
    session.execute(
        update(GatewayCode)
        .where(GatewayCode.gateway_id == gateway.id, GatewayCode.used_at.is_(None))
        .values(expires_at=now)
    )
    secret = secrets.token_bytes(SECRET_BYTES)
    session.add(
        GatewayCode(
            code_hash=hash_secret(secret),
            gateway_id=gateway.id,
            tenant=gateway.tenant,
            site_id=gateway.site_id,
            created_at=now,
            expires_at=now + CODE_LIFE,
            used_at=None,
        )
    )
    session.flush()
    audit.record(
        session, from_text(gateway.tenant), "gateway.code-created", by, subject_kind="gateway",
        subject_id=gateway.id, detail={"name": gateway.name},
    )  # fmt: skip
    code = EnrolmentCode(secret, authority.fingerprint(authority_pem), url)
    return code, now + CODE_LIFE


def enrol(
    session: Session, issuer: Authority, request: EnrolRequest, source: str, *, vault: Vault
) -> Enrolled:
    """Redeem a code: the gateway and its certificate. Certificates it had before are revoked.

    Raises:
        EnrolmentRefusedError: The code is unknown, used, too old, or its gateway changed hands.
        CertificateError: The signing request or the sealing key is none.
    """
    gateway = redeem(session, request.secret, utc_now())
    return admit(session, issuer, gateway, request, source, vault=vault)


def admit(
    session: Session,
    issuer: Authority,
    gateway: Gateway,
    request: EnrolRequest,
    source: str,
    *,
    vault: Vault,
) -> Enrolled:
    """Make a box with a redeemed code the gateway; the box that was it before is out.

    Raises:
        CertificateError: The signing request or the sealing key is none.
    """
    now = utc_now()
    check_sealing_key(request.sealing_key)
    certificate = issuer.issue_to_gateway(request.signing_request.encode(), gateway.id, now)
    _revoke_certificates(session, gateway.id, now)
    _remember(session, gateway.id, certificate, "enrolment")
    by = Actor("gateway", gateway.id, gateway.name, source)
    gateways.on_enrolled(session, gateway.id, request.sealing_key, by, vault=vault)
    return gateway, certificate


def admit_again(
    session: Session, issuer: Authority, gateway: Gateway, request: EnrolRequest
) -> Enrolled | None:
    """Answer a box that is the gateway already, and whose answer was lost; None if it is not."""
    now = utc_now()
    key = authority.key_fingerprint(authority.requested_key(request.signing_request.encode()))
    known = select(GatewayCertificate.serial).where(
        GatewayCertificate.gateway_id == gateway.id,
        GatewayCertificate.key_fingerprint == key,
        GatewayCertificate.revoked_at.is_(None),
    )
    if session.scalars(known.limit(1)).one_or_none() is None:
        return None
    certificate = issuer.issue_to_gateway(request.signing_request.encode(), gateway.id, now)
    _remember(session, gateway.id, certificate, "enrolment")
    return gateway, certificate


def check_sealing_key(key: bytes) -> None:
    """Refuse what is no X25519 public key.

    Raises:
        CertificateError: It is none.
    """
    if len(key) != _X25519_BYTES:
        raise CertificateError("should be an X25519 public key")


def renew(
    session: Session,
    issuer: Authority,
    request: RenewRequest,
    source: str,
    *,
    expired_for: timedelta = EXPIRED_FOR,
) -> Enrolled:
    """Give a gateway its next certificate; the old one stays until it ends.

    An expired certificate still proves who its holder is, a revoked one does not.

    Raises:
        EnrolmentRefusedError: Not ours, revoked, too old, or the proof does not fit.
        CertificateError: Something in the request is unreadable.
    """
    now = utc_now()
    old = authority.certificate_from_pem(request.certificate.encode())
    known = session.get(GatewayCertificate, f"{old.serial_number:x}")
    name = authority.common_name(old)
    gateway_id = GatewayId(name) if is_id(name) else None
    if known is None and gateway_id is not None and issuer.has_issued(old):
        known = _recall(session, gateway_id, old)
    if known is None or known.gateway_id != gateway_id or not issuer.has_issued(old):
        raise EnrolmentRefusedError("certificate not ours", gateway_id)
    gateway = gateways.get_by_id(session, known.gateway_id)
    if known.revoked_at is not None or gateway.revoked_at is not None:
        raise EnrolmentRefusedError("certificate revoked", gateway_id)
    if now > known.expires_at + expired_for:
        raise EnrolmentRefusedError("certificate expired too long ago", gateway_id)
    signing_request = request.signing_request.encode()
    authority.check_possession(old, request.proof, RENEW_CONTEXT, signing_request)
    certificate = issuer.issue_to_gateway(signing_request, gateway.id, now)
    _remember(session, gateway.id, certificate, "renewal")
    audit.record(
        session, from_text(gateway.tenant), "gateway.renewed",
        Actor("gateway", gateway.id, gateway.name, source),
        subject_kind="gateway", subject_id=gateway.id,
    )  # fmt: skip
    return gateway, certificate


def audit_refusal(session: Session, error: EnrolmentRefusedError, source: str) -> None:
    """Leave a row about somebody who was refused; in a transaction of its own."""
    gateway = gateways.find_by_id(session, error.gateway_id) if error.gateway_id else None
    audit.record(
        session,
        INSTALLATION if gateway is None else from_text(gateway.tenant),
        "gateway.enrolment-refused",
        Actor("gateway", error.gateway_id, "", source),
        outcome="refused",
        subject_kind="gateway",
        subject_id=error.gateway_id,
        detail={"reason": error.reason},
    )


def admitted(session: Session) -> Sequence[GatewayId]:
    """List the gateways that may connect."""
    return session.scalars(
        select(Gateway.id).where(Gateway.enrolled_at.is_not(None), Gateway.revoked_at.is_(None))
    ).all()


def revoked(session: Session) -> Sequence[tuple[int, datetime]]:
    """List revoked certificates that have not expired: serial and when."""
    ended = (Gateway.revoked_at.is_not(None)) | (GatewayCertificate.revoked_at.is_not(None))
    rows = session.execute(
        select(GatewayCertificate.serial, GatewayCertificate.revoked_at, Gateway.revoked_at)
        .join(Gateway, Gateway.id == GatewayCertificate.gateway_id)
        .where(ended, GatewayCertificate.expires_at > utc_now())
    )
    now = utc_now()
    living = [(int(serial, 16), own or whole or now) for serial, own, whole in rows]
    erased = session.execute(
        select(EndedCertificate.serial, EndedCertificate.ended_at).where(
            EndedCertificate.expires_at > now
        )
    )
    return living + [(int(serial, 16), ended_at) for serial, ended_at in erased]


def end_certificates(session: Session, tenant: Tenant) -> None:
    """Remember what to refuse of somebody's gateways, whose rows are erased after this."""
    now = utc_now()
    session.execute(delete(EndedCertificate).where(EndedCertificate.expires_at <= now))
    known = select(EndedCertificate.serial)
    left = session.execute(
        select(GatewayCertificate.serial, GatewayCertificate.expires_at)
        .join(Gateway, Gateway.id == GatewayCertificate.gateway_id)
        .where(
            Gateway.tenant == str(tenant),
            GatewayCertificate.expires_at > now,
            GatewayCertificate.serial.not_in(known),
        )
    )
    session.add_all(
        EndedCertificate(serial=serial, expires_at=expires_at, ended_at=now)
        for serial, expires_at in left
    )
    session.flush()


def redeem(session: Session, secret: bytes, now: datetime) -> Gateway:
    """Use a code up; whoever asks at the same moment with the same code comes second."""
    code = session.scalars(
        update(GatewayCode)
        .where(
            GatewayCode.code_hash == hash_secret(secret),
            GatewayCode.used_at.is_(None),
            GatewayCode.expires_at > now,
        )
        .values(used_at=now)
        .returning(GatewayCode)
    ).one_or_none()
    if code is None:
        known = session.get(GatewayCode, hash_secret(secret))
        reason = "code unknown" if known is None else "code used" if known.used_at else "code old"
        raise EnrolmentRefusedError(reason, known.gateway_id if known else None)
    gateway = gateways.get_by_id(session, code.gateway_id)
    if (gateway.tenant, gateway.site_id) != (code.tenant, code.site_id):
        raise EnrolmentRefusedError("gateway changed hands", gateway.id)
    return gateway


def _revoke_certificates(session: Session, gateway_id: GatewayId, now: datetime) -> None:
    session.execute(
        update(GatewayCertificate)
        .where(GatewayCertificate.gateway_id == gateway_id, GatewayCertificate.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _recall(
    session: Session, gateway_id: GatewayId, certificate: x509.Certificate
) -> GatewayCertificate | None:
    """Take in a certificate that we gave out and a restore of a backup made us forget."""
    issued_at = certificate.not_valid_before_utc + authority.CLOCK_SKEW
    if gateways.find_by_id(session, gateway_id) is None:
        return None
    if not commands.was_forgotten(session, issued_at):
        return None
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return _remember(session, gateway_id, pem, "recalled")


def _remember(session: Session, gateway_id: GatewayId, pem: bytes, why: str) -> GatewayCertificate:
    certificate = authority.certificate_from_pem(pem)
    row = GatewayCertificate(
        serial=f"{certificate.serial_number:x}",
        gateway_id=gateway_id,
        issued_at=utc_now(),
        expires_at=certificate.not_valid_after_utc,
        revoked_at=None,
        why=why,
        key_fingerprint=authority.key_fingerprint(certificate.public_key()),
    )
    session.add(row)
    session.flush()
    return row
