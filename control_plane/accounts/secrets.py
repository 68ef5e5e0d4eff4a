"""An account's own secrets: the key its card numbers are hashed with, the pepper of its passwords.

Each account has its own, made with it; gateways that serve it get them sealed (feed.secrets).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.orm import Session

from control_plane.accounts import repository
from control_plane.accounts.models import AccountSecret
from control_plane.errors import NotFoundError
from control_plane.vault import Vault
from shared.crypto import sealing
from shared.ids import AccountId
from shared.secrets import KEY_BYTES

CARD_HMAC: Final = "card-hmac"
PEPPER: Final = "pepper"


@dataclass(frozen=True, slots=True)
class OpenSecret:
    """A secret as it is; never logged, never stored."""

    purpose: str
    version: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardSealingKey:
    """What gateways seal numbers to; its private half is here alone, and no gateway gets it."""

    public: bytes
    private: bytes = field(repr=False)


def card_sealing_key(vault: Vault, account_id: AccountId) -> CardSealingKey:
    """The account's own; it exists by the data key, and stands in no table."""
    private = vault.derive(f"card-sealing/{account_id}")
    return CardSealingKey(sealing.public_key(private), private)


def create_secrets(session: Session, vault: Vault, account_id: AccountId) -> None:
    for purpose in (CARD_HMAC, PEPPER):
        set_secret(session, vault, account_id, purpose, os.urandom(KEY_BYTES), version=1)


def set_secret(
    session: Session,
    vault: Vault,
    account_id: AccountId,
    purpose: str,
    secret: bytes,
    *,
    version: int,
) -> None:
    sealed = vault.seal(secret, _context(account_id, purpose, version))
    session.merge(
        AccountSecret(account_id=account_id, purpose=purpose, version=version, sealed=sealed)
    )
    session.flush()


def forget_older(session: Session, account_id: AccountId, purpose: str, version: int) -> None:
    """Forget the versions of a secret before this one."""
    for row in repository.list_secrets(session, account_id):
        if row.purpose == purpose and row.version < version:
            session.delete(row)
    session.flush()


def open_secrets(session: Session, vault: Vault, account_id: AccountId) -> list[OpenSecret]:
    """All of an account's secrets, for the gateways that serve it."""
    return [_open(vault, row) for row in repository.list_secrets(session, account_id)]


def get_secret(session: Session, vault: Vault, account_id: AccountId, purpose: str) -> OpenSecret:
    """The newest version of one secret.

    Raises:
        NotFoundError: The account has none.
    """
    row = repository.newest_secret(session, account_id, purpose)
    if row is None:
        raise NotFoundError("secret", purpose)
    return _open(vault, row)


def _open(vault: Vault, row: AccountSecret) -> OpenSecret:
    context = _context(row.account_id, row.purpose, row.version)
    return OpenSecret(row.purpose, row.version, vault.open(row.sealed, context))


def _context(account_id: AccountId, purpose: str, version: int) -> str:
    return f"account-secret/{account_id}/{purpose}/{version}"
