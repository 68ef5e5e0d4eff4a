"""Whose is it? The one function that decides (docs: "Whose is it?").

From the verified host name, the path prefix and the credential: the most specific wins, a
contradiction is refused. A host descends to an account under a grant; it never climbs or crosses.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.domains import service as domains
from control_plane.domains.models import Domain
from control_plane.errors import ForbiddenError, NotFoundError, SignInNeededError, WrongHostError
from control_plane.grants import service as grants
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from shared.ids import AccountId, UserId


@dataclass(frozen=True, slots=True)
class Credential:
    """A valid session or API key: where it belongs and what it may do there."""

    tenant: Tenant
    permissions: frozenset[Permission]
    user_id: UserId | None  # None: an API key
    # A session belongs to the host that gave it; an API key names its tenant by itself.
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Whose:
    """The decision: whose things, shown under whose name, and what may be done to them."""

    domain: Domain | None  # None: one of the installation's own names
    tenant: Tenant | None  # None: nobody's; only public routes of the installation
    permissions: frozenset[Permission]


def find_host(session: Session, host: str | None, own_names: Collection[str]) -> Domain | None:
    """The verified domain of a host; None for the installation's own names.

    Raises:
        WrongHostError: It is neither; answer 421 and show no brand.
    """
    if host is None:
        raise WrongHostError
    domain = domains.find_verified(session, host)
    if domain is None and host not in own_names:
        raise WrongHostError
    return domain


def whose(
    session: Session,
    domain: Domain | None,
    account_prefix: AccountId | None,
    credential: Credential | None,
) -> Whose:
    """Decide whose things a request is about.

    Raises:
        WrongHostError: Host and API key contradict each other.
        NotFoundError: The prefix names an account that is not below the host.
        SignInNeededError: The prefix needs a credential.
        ForbiddenError: The vendor's own account, and no grant is in force.
    """
    host_tenant = tenants.from_text(domain.tenant) if domain else None
    if credential and credential.is_key and host_tenant not in (None, credential.tenant):
        raise WrongHostError("this key does not belong to this address")
    if credential and not credential.is_key and host_tenant != credential.tenant:
        credential = None  # A cookie of another host is no credential here.
    home = host_tenant or (credential.tenant if credential else None)
    if account_prefix is not None:
        return _below(session, domain, home, account_prefix, credential)
    return Whose(domain, home, credential.permissions if credential else frozenset())


def _below(
    session: Session,
    domain: Domain | None,
    home: Tenant | None,
    account_id: AccountId,
    credential: Credential | None,
) -> Whose:
    if home is None or credential is None:
        raise SignInNeededError
    if home.vendor_id is None:
        raise NotFoundError("page")
    accounts.get_of_vendor(session, home.vendor_id, account_id)
    # A key that may see accounts may not look into them: grants are given to people.
    granted = (
        frozenset[Permission]()
        if credential.user_id is None
        else grants.permissions_under(session, account_id, home.vendor_id, credential.user_id)
    )
    if not granted:
        raise ForbiddenError("a grant of this account")
    return Whose(domain, tenants.account(account_id), granted)
