"""The installation's own certificate authority: P-256, since browsers refuse Ed25519.

It issues certificates to gateways (CN is the gateway id, never an address), to the primary's own
processes, and to the listeners of web pages and broker. Certificates follow RFC 5280 with subject
and authority key identifiers, which OpenSSL 3 wants to see.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GATEWAY_LIFE: Final = timedelta(days=90)
SERVER_LIFE: Final = timedelta(days=397)
AUTHORITY_LIFE: Final = timedelta(days=20 * 365)
CLOCK_SKEW: Final = timedelta(hours=1)  # a box whose clock is a little slow may use it at once


class CertificateError(Exception):
    """A certificate or request is not what it should be; answer 400."""


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PKCS #8, in clear: the file's mode guards it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def key_from_pem(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        CertificateError: It is no P-256 key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"no private key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("should be a P-256 key")
    return key


def signing_request(key: ec.EllipticCurvePrivateKey, common_name: str) -> bytes:
    """Ask for a certificate for this key (PEM); the authority decides about the name."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def requested_key(request_pem: bytes) -> ec.EllipticCurvePublicKey:
    """Read the key that a signing request asks a certificate for.

    Raises:
        CertificateError: The request is unreadable, not signed by its key, or not P-256.
    """
    try:
        request = x509.load_pem_x509_csr(request_pem)
        signed = request.is_signature_valid
    except ValueError as error:
        raise CertificateError(f"no signing request: {error}") from None
    key = request.public_key()
    if not signed or not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateError("should be signed by the P-256 key that it names")
    if not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("should be a P-256 key")
    return key


def certificate_from_pem(pem: bytes) -> x509.Certificate:
    """Read one certificate.

    Raises:
        CertificateError: It is none.
    """
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"no certificate: {error}") from None


def fingerprint(certificate_pem: bytes) -> bytes:
    """SHA-256 of the certificate's DER: what an enrolment code carries of the authority."""
    der = certificate_from_pem(certificate_pem).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).digest()


def key_fingerprint(key: CertificatePublicKeyTypes) -> str:
    """SHA-256 of a public key (DER, SubjectPublicKeyInfo), in hexadecimal: to be compared."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def sign_possession(key: ec.EllipticCurvePrivateKey, context: str, data: bytes) -> bytes:
    """Prove that one holds a certificate's key, without a TLS client certificate."""
    return key.sign(context.encode() + b"\0" + data, ec.ECDSA(hashes.SHA256()))


def check_possession(
    certificate: x509.Certificate, signature: bytes, context: str, data: bytes
) -> None:
    """Check such a proof.

    Raises:
        CertificateError: Somebody else signed, or something else.
    """
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateError("should be a P-256 key")
    try:
        key.verify(signature, context.encode() + b"\0" + data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise CertificateError("the signature does not fit the certificate") from None


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its key and its own certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, name: str, now: datetime) -> Authority:
        key = new_key()
        subject = _name(name)
        builder = _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    @classmethod
    def load(cls, key_pem: bytes, certificate_pem: bytes) -> Authority:
        """Read key and certificate.

        Raises:
            CertificateError: They are unreadable, or do not belong together.
        """
        key, certificate = key_from_pem(key_pem), certificate_from_pem(certificate_pem)
        if key.public_key() != certificate.public_key():
            raise CertificateError("the authority's key and certificate do not belong together")
        return cls(key, certificate)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue_to_gateway(
        self, request_pem: bytes, gateway_id: str, now: datetime, life: timedelta = GATEWAY_LIFE
    ) -> bytes:
        """Certify the key of a signing request under the name that we give it.

        Raises:
            CertificateError: The request is unreadable, not signed by its key, or not P-256.
        """
        key = requested_key(request_pem)
        return self._issue(key, gateway_id, now, life, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def issue_to_client(
        self, key: ec.EllipticCurvePublicKey, name: str, now: datetime, life: timedelta
    ) -> bytes:
        """Certify a process of the primary."""
        return self._issue(key, name, now, life, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def issue_to_server(
        self,
        key: ec.EllipticCurvePublicKey,
        names: Sequence[str],
        now: datetime,
        life: timedelta = SERVER_LIFE,
    ) -> bytes:
        """Certify a listener under its host names and addresses."""
        return self._issue(key, names[0], now, life, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def revocation_list(
        self, revoked: Iterable[tuple[int, datetime]], now: datetime, life: timedelta
    ) -> bytes:
        """Make the CRL (PEM) of (serial, revoked at); the broker reads it at SIGHUP."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - CLOCK_SKEW)
            .next_update(now + life)
        )
        for serial, at in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.add_extension(self._authority_key_identifier(), critical=False).sign(
            self.key, hashes.SHA256()
        )
        return crl.public_bytes(serialization.Encoding.PEM)

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Whether this authority signed it; says nothing of dates or revocation."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _issue(  # noqa: PLR0917
        self,
        key: ec.EllipticCurvePublicKey,
        name: str,
        now: datetime,
        life: timedelta,
        purpose: x509.ObjectIdentifier,
        names: Sequence[str],
    ) -> bytes:
        builder = _builder(_name(name), self.certificate.subject, key, now, life)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key), critical=False
        )
        builder = builder.add_extension(self._authority_key_identifier(), critical=False)
        if names:
            alternative = x509.SubjectAlternativeName([_general_name(each) for each in names])
            builder = builder.add_extension(alternative, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    def _authority_key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
