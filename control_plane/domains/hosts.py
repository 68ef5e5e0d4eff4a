"""Which certificate a host shows: the one its owner brought, or one of our own authority."""

from __future__ import annotations

import os
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control_plane.database import Database, utc_now
from control_plane.domains import certificates, repository
from control_plane.pki import certificates as own
from control_plane.vault import Vault
from shared.crypto.authority import Authority

_PREFIX: Final = "web-"


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate with its key in PEM; ``stamp`` changes when it does."""

    stamp: str
    pem: bytes

    def context(self) -> ssl.SSLContext:
        """Make OpenSSL's context; the key touches no disk."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        # OpenSSL reads certificates from files alone: this one is memory.
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(self.pem)
            made.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return made


@dataclass(frozen=True, slots=True)
class HostCertificates:
    """Looks a host up; asked again every few seconds, so a new certificate needs no restart."""

    database: Database
    vault: Vault
    issuer: Authority
    folder: Path
    own_names: Collection[str]

    def find(self, host: str) -> Shown | None:
        """Find the certificate of a verified domain; None for a host that is nobody's.

        Where nobody brought one it is made when somebody first asks. Each host has its own:
        programs refuse a wildcard directly below a top-level name, such as ``*.localhost``.
        """
        with self.database.reading() as session:
            domain = repository.find_verified(session, host)
            if domain is None:
                return None
            row = repository.find_certificate(session, domain.id)
        if row is not None and host not in self.own_names and utc_now() < row.ends_at:
            key = certificates.open_key(row, self.vault)
            return Shown(row.stamp, key + row.chain.encode())
        name = f"{_PREFIX}{domain.id}"
        files = own.for_listener(self.issuer, self.folder, name, [host], utc_now())
        pem = files.key.read_bytes() + files.certificate.read_bytes()
        return Shown(f"own/{domain.id}/{files.certificate.stat().st_mtime_ns}", pem)

    def forget_gone(self) -> None:
        """Remove what was made for domains that are no more; each primary keeps files of its own.

        A domain that is added meanwhile is not among the files yet: they are listed first.
        """
        found = [
            path for path in self.folder.glob(f"{_PREFIX}*") if path.suffix in (".pem", ".key")
        ]
        with self.database.reading() as session:
            known = repository.list_known(session, {_id_of(path) for path in found})
        for path in found:
            if _id_of(path) not in known:
                path.unlink(missing_ok=True)


def _id_of(path: Path) -> str:
    return path.stem.removeprefix(_PREFIX)
