"""Certificates as people bring them for their domains."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Key = ec.EllipticCurvePrivateKey


def issue(
    name: str, issuer: tuple[x509.Name, Key] | None = None, *, days: int = 90, begins: int = -1
) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    above, signer = issuer or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    return made, key


def pem(*found: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found)


def key_pem(key: Key, password: bytes | None = None) -> str:
    kind = serialization.BestAvailableEncryption(password) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        kind or serialization.NoEncryption(),
    ).decode()


def chained(name: str, authority: str = "Some Authority", **more: int) -> tuple[str, str]:
    """A chain and key as an authority gives them."""
    root, root_key = issue(authority)
    leaf, key = issue(name, (root.subject, root_key), **more)
    return pem(leaf, root), key_pem(key)
