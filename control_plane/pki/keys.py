"""The keys that make an installation itself, in files of mode 0600 below ``<state>/keys``.

``ca.key`` and ``ca.pem``: the certificate authority. ``signing.key``: what gateways trust feed
pages and commands by. ``signing-next.key``: the one to come, which gateways are told of by what the
old one signs, and believe before it is used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control_plane.database import utc_now
from shared.crypto import authority
from shared.crypto.authority import Authority
from shared.crypto.signing import Signer
from shared.secrets import load_or_create_key

SIGNING: Final = "signing.key"
SIGNING_NEXT: Final = "signing-next.key"
_PRIVATE: Final = 0o077


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Authority and signer of an installation, and the public key that is to sign next."""

    authority: Authority
    signer: Signer
    announced: bytes | None = None

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """The public keys that gateways are told to believe."""
        following = (self.announced,) if self.announced else ()
        return (self.signer.public_key, *following)

    @classmethod
    def open_or_create(cls, keys: Path) -> KeyRing:
        """Read the keys, or make them at the first start.

        Raises:
            PermissionError: Others may read a key; we do not start with that.
            CertificateError: A file is damaged.
        """
        signer = Signer(load_or_create_key(keys / SIGNING))
        following = keys / SIGNING_NEXT
        announced = Signer(load_or_create_key(following)).public_key if following.exists() else None
        return cls(open_authority(keys), signer, announced)


def announce_signing_key(keys: Path) -> bytes:
    """Make the key that is to sign next, if there is none yet; returns its public key."""
    return Signer(load_or_create_key(keys / SIGNING_NEXT)).public_key


def use_announced_key(keys: Path) -> bytes:
    """Let the announced key sign from the next start on; the old one is gone.

    Raises:
        FileNotFoundError: None was announced.
    """
    public_key = Signer(load_private(keys / SIGNING_NEXT)).public_key
    (keys / SIGNING_NEXT).replace(keys / SIGNING)
    return public_key


def load_private(path: Path) -> bytes:
    """Read a key that must be there."""
    if not path.exists():
        raise FileNotFoundError(path)
    return load_or_create_key(path)


def open_authority(keys: Path) -> Authority:
    """Read the authority, or make it at the first start."""
    key_path, certificate_path = keys / "ca.key", keys / "ca.pem"
    if not certificate_path.exists():
        made = Authority.create(f"Spoolhouse {os.urandom(4).hex()}", utc_now())
        # Two processes at their first start: the first key counts, and its certificate with it.
        pair = authority.key_to_pem(made.key) + made.pem
        write_private(keys / "ca.both", pair, replace=False)
        pair = (keys / "ca.both").read_bytes()
        end = pair.index(b"-----BEGIN CERTIFICATE")
        write_private(key_path, pair[:end])
        write_private(certificate_path, pair[end:])
        (keys / "ca.both").unlink(missing_ok=True)
    if key_path.stat().st_mode & _PRIVATE:
        raise PermissionError(f"{key_path} may be read by others; chmod 600 it and change the key")
    return Authority.load(key_path.read_bytes(), certificate_path.read_bytes())


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file of mode 0600, whole or not at all; without ``replace`` the first one stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        if replace:
            beside.replace(path)
        elif not path.exists():
            path.hardlink_to(beside)
    except FileExistsError:
        pass  # Another process was first; theirs counts.
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
