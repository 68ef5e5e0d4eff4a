"""Small secrets at rest: sealed under the data key, a file beside the database and never in it.

Whoever has a copy of the database alone has no card number, pepper or hash key.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from control_plane.database import Database
from shared.secrets import load_or_create_key

_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"
_KEPT_AS: Final = "vault"


class VaultError(Exception):
    """It was sealed with another data key, for another place, or changed."""


class Vault:
    """Seals and opens; ``context`` says where a secret belongs, so that rows cannot be swapped."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def open_or_create(cls, keys: Path) -> Vault:
        return cls(load_or_create_key(keys / "data.key"))

    def derive(self, context: str) -> bytes:
        """A secret of 32 bytes that exists only by the data key."""
        return hmac.digest(self._key, b"spoolhouse-derive-1\0" + context.encode(), "sha256")

    def seal(self, secret: bytes, context: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what was sealed for this context.

        Raises:
            VaultError: It cannot be opened.
        """
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION:
            raise VaultError("a sealed secret has an unknown version")
        try:
            return self._cipher.decrypt(nonce, body, context.encode())
        except InvalidTag:
            raise VaultError("a sealed secret does not open with this data key") from None


def keep(database: Database, vault: Vault) -> None:
    """Give it to whoever takes in what gateways tell: their facts have no other way to it."""
    database.keep(_KEPT_AS, vault)


def kept(session: Session) -> Vault:
    """The vault of this transaction's database.

    Raises:
        VaultError: There is none.
    """
    vault = session.info.get(_KEPT_AS)
    if not isinstance(vault, Vault):
        raise VaultError("this transaction has no data key")
    return vault
