"""Whose a row is: an account's, a vendor's, or the installation's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from shared.ids import AccountId, VendorId, is_id


class TenantKind(Enum):
    VENDOR = "vendor"
    ACCOUNT = "account"
    INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A vendor, an account or the installation; kept in ``tenant`` columns as its text."""

    kind: TenantKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}" if self.id else self.kind.value

    @property
    def account_id(self) -> AccountId | None:
        return AccountId(self.id) if self.kind is TenantKind.ACCOUNT else None

    @property
    def vendor_id(self) -> VendorId | None:
        return VendorId(self.id) if self.kind is TenantKind.VENDOR else None


INSTALLATION: Final = Tenant(TenantKind.INSTALLATION)


def account(account_id: AccountId) -> Tenant:
    return Tenant(TenantKind.ACCOUNT, account_id)


def vendor(vendor_id: VendorId) -> Tenant:
    return Tenant(TenantKind.VENDOR, vendor_id)


def from_text(text: str) -> Tenant:
    """Read the text of a tenant column.

    Raises:
        ValueError: It names no tenant.
    """
    kind, _, tenant_id = text.partition(":")
    if text == str(INSTALLATION):
        return INSTALLATION
    if not is_id(tenant_id):
        raise ValueError(f"not a tenant: {text!r}")
    return Tenant(TenantKind(kind), tenant_id)
