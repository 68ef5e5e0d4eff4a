"""Passwords and PINs of people: hashed with the pepper of their vendor or account."""

from __future__ import annotations

from functools import cache

from sqlalchemy.orm import Session

from control_plane.accounts import secrets as account_secrets
from control_plane.tenants import Tenant
from control_plane.vault import Vault
from shared.secrets import hash_password


def pepper(session: Session, vault: Vault, tenant: Tenant) -> bytes:
    """An account's pepper also lives at its gateways; a vendor's never leaves the primary."""
    if tenant.account_id is None:
        return vault.derive(f"pepper/{tenant}")
    return account_secrets.get_secret(
        session, vault, tenant.account_id, account_secrets.PEPPER
    ).secret


class Hasher:
    """Hashes passwords and PINs of one tenant; the pepper is looked up once, if at all."""

    def __init__(self, session: Session, vault: Vault, tenant: Tenant) -> None:
        self._pepper = cache(lambda: pepper(session, vault, tenant))

    def hashed(self, secret: str | None) -> str | None:
        return None if secret is None else hash_password(self._pepper(), secret)
