"""Certificates of the primary's own listeners and processes, made and renewed without asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from control_plane.pki.keys import write_private
from shared.crypto import authority
from shared.crypto.authority import SERVER_LIFE, Authority, CertificateError

_RENEW_BEFORE: Final = timedelta(days=130)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where OpenSSL finds a certificate and its key."""

    certificate: Path
    key: Path


def for_listener(
    issuer: Authority, folder: Path, name: str, names: Sequence[str], now: datetime
) -> CertificateFiles:
    """Give a listener its certificate; a good one that has these names stays."""
    files = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    if not _is_good(issuer, files, names, now):
        key = authority.new_key()
        write_private(files.key, authority.key_to_pem(key))
        # The authority's own certificate goes along: a gateway pins it at its first contact.
        leaf = issuer.issue_to_server(key.public_key(), names, now)
        write_private(files.certificate, leaf + issuer.pem)
    return files


def for_process(
    issuer: Authority, folder: Path, name: str, now: datetime, *, file_name: str | None = None
) -> CertificateFiles:
    """Give a process of the primary a client certificate of its own; a new one at each start."""
    stem = file_name or name
    files = CertificateFiles(folder / f"{stem}.pem", folder / f"{stem}.key")
    key = authority.new_key()
    write_private(files.key, authority.key_to_pem(key))
    issued = issuer.issue_to_client(key.public_key(), name, now, SERVER_LIFE)
    write_private(files.certificate, issued)
    return files


def _is_good(
    issuer: Authority, files: CertificateFiles, names: Sequence[str], now: datetime
) -> bool:
    try:
        certificate = authority.certificate_from_pem(files.certificate.read_bytes())
        key = authority.key_from_pem(files.key.read_bytes())
    except (OSError, CertificateError):
        return False
    return (
        issuer.has_issued(certificate)
        and certificate.public_key() == key.public_key()
        and certificate.not_valid_before_utc <= now
        and now < certificate.not_valid_after_utc - _RENEW_BEFORE
        and _names(certificate) == {name.lower() for name in names}
    )


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    dns = found.get_values_for_type(x509.DNSName)
    addresses = found.get_values_for_type(x509.IPAddress)
    return {name.lower() for name in dns} | {str(address) for address in addresses}
