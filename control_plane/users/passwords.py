"""Passwords and PINs of people: hashed with the pepper of their vendor or account."""

from __future__ import annotations

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


def hashed(session: Session, vault: Vault, tenant: Tenant, secret: str | None) -> str | None:
    return None if secret is None else hash_password(pepper(session, vault, tenant), secret)
