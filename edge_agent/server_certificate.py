"""The certificate that the gateway's own listeners show (IPPS, pages), until a better one comes.

Self-signed, P-256, made at first start in ``<state>/identity/server.pem``; the key stays when the
names change, so that clients which remember the key go on.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FILE_NAME: Final = "server.pem"
# Apple's clients accept no certificate of a server that is valid for longer.
VALID_FOR: Final = timedelta(days=820)
RENEWED_BEFORE: Final = timedelta(days=60)


def server_context(state_dir: Path, host_names: Iterable[str]) -> ssl.SSLContext:
    """Load the certificate, or make it; made anew when a name is missing or its end is near."""
    path = state_dir / "identity" / FILE_NAME
    names = sorted({"localhost", socket.gethostname().lower(), *host_names} - {""})
    addresses = local_addresses()
    if not _is_good(path, names):
        _write(path, _make(_load_key(path), names, addresses))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path)
    return context


def local_addresses() -> list[str]:
    """List this machine's own addresses, as far as it can tell without asking anybody."""
    found = {"127.0.0.1", "::1"}
    with contextlib.suppress(OSError):
        found |= {str(a[4][0]) for a in socket.getaddrinfo(socket.gethostname(), None)}
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Connecting a datagram socket sends nothing; it only chooses the way out.
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((anywhere, 9))
            found.add(str(probe.getsockname()[0]))
    return sorted(address.partition("%")[0] for address in found)


def _is_good(path: Path, names: list[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    known = set(extension.value.get_values_for_type(x509.DNSName))
    ends_soon = certificate.not_valid_after_utc - RENEWED_BEFORE < datetime.now(UTC)
    return set(names) <= known and not ends_soon


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError):
        return ec.generate_private_key(ec.SECP256R1())
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else _new_key()


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _make(key: ec.EllipticCurvePrivateKey, names: list[str], addresses: list[str]) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Spoolhouse gateway")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, pem: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
