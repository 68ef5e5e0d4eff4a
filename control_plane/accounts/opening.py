"""A vendor opens an account: with its address, its first owner, and a key to furnish it by."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import NewAccount
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.domains import service as domains
from control_plane.domains.models import Domain
from control_plane.domains.schemas import NewDomain
from control_plane.recovery import links
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.tenants import Tenant
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from shared.ids import VendorId


@dataclass(frozen=True, slots=True)
class Opened:
    """A new account; ``link`` and ``key`` are seen this once."""

    account: Account
    domain: Domain | None
    owner: User | None
    link: str | None  # the token with which the owner chooses a password
    key: str | None


def open_account(
    session: Session, vendor_id: VendorId, new: NewAccount, by: Actor, *, vault: Vault
) -> Opened:
    """Make an account, its domain, its owner and its set-up key, or nothing of it.

    The domain counts at once where it is below one of the vendor's own; else it awaits its proof.
    Nobody is in the account yet, so the vendor gains nothing that it could keep: whoever owns the
    account sees the key and its audit, and the key ends by itself.

    Raises:
        ConflictError: The short name or the domain is taken.
    """
    account = accounts.create(session, vendor_id, new, by, vault=vault)
    tenant = tenants.account(account.id)
    domain = _give_domain(session, vendor_id, tenant, new, by)
    owner, link = _give_owner(session, tenant, new, by, vault)
    key = _give_key(session, tenant, by) if new.set_up_key else None
    return Opened(account, domain, owner, link, key)


def _give_domain(
    session: Session, vendor_id: VendorId, tenant: Tenant, new: NewAccount, by: Actor
) -> Domain | None:
    if new.domain is None:
        return None
    named = NewDomain(name=new.domain, brand_name=new.name)
    domain = domains.create(session, tenant, named, by)
    if domains.may_parent_verify(session, tenants.vendor(vendor_id), domain.name):
        return domains.verify(session, tenant, domain.id, by, verified_by=domains.BY_PARENT)
    return domain


def _give_owner(
    session: Session, tenant: Tenant, new: NewAccount, by: Actor, vault: Vault
) -> tuple[User | None, str | None]:
    if new.owner is None:
        return None, None
    person = NewUser(**new.owner.model_dump(), roles=("owner",))
    owner = users.create(session, tenant, person, by, vault=vault)
    if new.owner.password is not None:
        return owner, None
    token = links.create(session, links.RECOVERY, tenant, owner.id)
    audit.record(
        session, tenant, "user.link-made", by, subject_kind="user", subject_id=owner.id,
        detail={"username": owner.username},
    )  # fmt: skip
    return owner, token


def _give_key(session: Session, tenant: Tenant, by: Actor) -> str:
    new = NewApiKey(name="Set-up", permissions=tuple(ACCOUNT_ROLES["owner"]), days=1)
    return api_keys.create(session, tenant, new, by)[1]
