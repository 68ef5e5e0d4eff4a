"""The TLS side of the listeners on a customer's LAN: a certificate of the gateway's own making.

Whoever has a certificate for the box's name puts it into the same two files.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE, KEY = "listener.pem", "listener.key"
_YEARS: Final = 20  # clients pin it on first use; a box on a wall has no clock to trust


def listener_context(folder: Path, names: Sequence[str]) -> ssl.SSLContext:
    """Load the listener's certificate; make one for these names when there is none.

    Raises:
        OSError: The folder cannot be used.
        ssl.SSLError: The files that are there are no certificate and key.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    if not certificate.exists() or not key.exists():
        _make(certificate, key, names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    # CUPS 2.4 (GnuTLS, with a time limit, as its backends and ``ipptool -T`` have one) takes a
    # TLS 1.3 session ticket for the beginning of the answer and waits for the rest: ten seconds
    # for each job, or for ever. Without tickets it resumes nothing, and prints at once.
    context.num_tickets = 0
    return context


def key_pin(folder: Path) -> str:
    """Name the listener's public key as curl's ``--pinnedpubkey`` takes it (RFC 7469 section 2.4).

    So a program that heard it from the primary believes this gateway and no other.
    """
    certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode()


def _make(certificate: Path, key: Path, names: Sequence[str]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Spoolhouse print server")])
    now = datetime.now(UTC)
    everyone = dict.fromkeys(["localhost", "127.0.0.1", "::1", *names])
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([_name(n) for n in everyone]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(
        key,
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    _write(certificate, signed.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
