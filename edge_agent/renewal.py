"""A renewed certificate is tried on a real connection before the old one goes.

::

    <state>/identity/tls.next      the new key and certificate, in one file, until they were used

Both pairs are on the disk until the broker let us in with the new one. Then the new pair takes the
names of the old one and ``tls.next`` goes. A broker that lets us in with the old pair alone gets no
new one: ``tls.next`` goes, and another renewal is asked for later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge_agent import private_files
from shared.crypto import authority
from shared.crypto.authority import CertificateError

_NEXT: Final = "tls.next"


def next_pair(folder: Path) -> Path:
    """Where the new key and certificate wait for their first use."""
    return folder / _NEXT


def keep(folder: Path, key_pem: bytes, certificate: bytes) -> None:
    private_files.write(next_pair(folder), key_pem + certificate)


def promote(folder: Path) -> None:
    """The new pair was used: it takes the place of the old one. Cut off, it is done again."""
    both = next_pair(folder).read_bytes()
    end = both.index(b"-----BEGIN CERTIFICATE")
    private_files.write(folder / "tls.key", both[:end])
    private_files.write(folder / "tls.pem", both[end:])
    discard(folder)


def discard(folder: Path) -> None:
    next_pair(folder).unlink(missing_ok=True)
    private_files.sync_folder(folder)


def repair(folder: Path) -> bool:
    """Finish a promotion that was cut off between its two files; called at every start."""
    if not next_pair(folder).exists() or _belong_together(folder):
        return False
    promote(folder)
    return True


def _belong_together(folder: Path) -> bool:
    try:
        key = authority.key_from_pem((folder / "tls.key").read_bytes())
        certificate = authority.certificate_from_pem((folder / "tls.pem").read_bytes())
    except CertificateError:
        return False
    return key.public_key() == certificate.public_key()
