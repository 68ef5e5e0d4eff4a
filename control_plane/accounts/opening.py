"""A vendor opens an account or a vendor: its address, its first owner, a key to furnish it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import NewAccount
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.domains import service as domains
from control_plane.domains.models import Domain
from control_plane.domains.schemas import DomainView, NewDomain
from control_plane.recovery import links
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES
from control_plane.tenants import Tenant
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewOwner, NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.models import Vendor
from control_plane.vendors.schemas import NewVendor
from shared.ids import VendorId


@dataclass(frozen=True, slots=True)
class Furnished:
    """What a new tenant was given; ``link`` and ``key`` are seen this once."""

    domain: Domain | None
    owner: User | None
    link: str | None  # the token with which the owner chooses a password, on the tenant's host
    key: str | None

    def shown(self) -> dict[str, Any]:
        """Show it in the answer of the API."""
        return {
            "domain": DomainView.model_validate(self.domain) if self.domain else None,
            "owner_id": self.owner.id if self.owner else None,
            "owner_link": f"/recover/{self.link}" if self.link else None,
            "key": self.key,
        }


@dataclass(frozen=True, slots=True)
class Opened(Furnished):
    """A new account with what it was given."""

    account: Account


def open_account(
    session: Session, vendor_id: VendorId, new: NewAccount, by: Actor, *, vault: Vault
) -> Opened:
    """Make an account, its domain, its owner and its set-up key, or nothing of it.

    Raises:
        ConflictError: The short name or the domain is taken.
    """
    account = accounts.create(session, vendor_id, new, by, vault=vault)
    tenant = tenants.account(account.id)
    given = _furnish(session, vendor_id, tenant, new, by, vault)
    return Opened(given.domain, given.owner, given.link, given.key, account)


def open_vendor(
    session: Session, parent_id: VendorId, new: NewVendor, by: Actor, *, vault: Vault
) -> tuple[Vendor, Furnished]:
    """Make a vendor under another one, as ``open_account`` makes an account."""
    vendor = vendors.create(session, new, by, parent_id=parent_id)
    tenant = tenants.vendor(vendor.id)
    return vendor, _furnish(session, parent_id, tenant, new, by, vault)


def _furnish(  # noqa: PLR0917
    session: Session,
    parent_id: VendorId,
    tenant: Tenant,
    new: NewAccount | NewVendor,
    by: Actor,
    vault: Vault,
) -> Furnished:
    """Give a new tenant what its maker asked for.

    The domain counts at once where it is below one of the maker's own; else it awaits its proof.
    Nobody is in the tenant yet, so the maker gains nothing that it could keep: whoever owns it
    sees the key and its audit, and the key ends by itself.
    """
    domain = _give_domain(session, parent_id, tenant, new, by)
    owner, token = _give_owner(session, tenant, new.owner, by, vault)
    key = _give_key(session, tenant, by) if new.set_up_key else None
    return Furnished(domain, owner, token, key)


def _give_domain(
    session: Session, parent_id: VendorId, tenant: Tenant, new: NewAccount | NewVendor, by: Actor
) -> Domain | None:
    if new.domain is None:
        return None
    named = NewDomain(name=new.domain, brand_name=new.name)
    domain = domains.create(session, tenant, named, by)
    if domains.may_parent_verify(session, tenants.vendor(parent_id), domain.name):
        return domains.verify(session, tenant, domain.id, by, verified_by=domains.BY_PARENT)
    return domain


def _give_owner(
    session: Session, tenant: Tenant, new: NewOwner | None, by: Actor, vault: Vault
) -> tuple[User | None, str | None]:
    if new is None:
        return None, None
    person = NewUser(**new.model_dump(), roles=("owner",))
    owner = users.create(session, tenant, person, by, vault=vault)
    if new.password is not None:
        return owner, None
    token = links.create(session, links.RECOVERY, tenant, owner.id)
    audit.record(
        session, tenant, "user.link-made", by, subject_kind="user", subject_id=owner.id,
        detail={"username": owner.username},
    )  # fmt: skip
    return owner, token


def _give_key(session: Session, tenant: Tenant, by: Actor) -> str:
    roles = ACCOUNT_ROLES if tenant.account_id else VENDOR_ROLES
    new = NewApiKey(name="Set-up", permissions=tuple(roles["owner"]), days=1)
    return api_keys.create(session, tenant, new, by)[1]
