"""Who asks, and whose things the request is about."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.audit.actor import Actor
from control_plane.errors import ForbiddenError, NotFoundError
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from shared.ids import AccountId, UserId, VendorId


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person or an API key; ``tenant`` is what the request is about."""

    tenant: Tenant  # whose things: the home, or an account below it under a grant
    home: Tenant  # where the person or key belongs
    permissions: frozenset[Permission]
    actor: Actor
    user_id: UserId | None = None  # None: an API key
    username: str = ""
    display_name: str = ""
    language: str | None = None
    time_zone: str | None = None
    session_id: str | None = None
    csrf_token: str | None = None

    @property
    def is_descended(self) -> bool:
        """Whether a vendor's person looks into an account."""
        return self.tenant != self.home

    @property
    def account_id(self) -> AccountId:
        """The account the request is about.

        Raises:
            NotFoundError: It is about a vendor, which has no such things.
        """
        if self.tenant.account_id is None:
            raise NotFoundError("page")
        return self.tenant.account_id

    @property
    def vendor_id(self) -> VendorId:
        """The vendor the request is about.

        Raises:
            NotFoundError: It is about an account, which has no such things.
        """
        if self.tenant.vendor_id is None:
            raise NotFoundError("page")
        return self.tenant.vendor_id

    def check_is_at_home(self) -> None:
        """Refuse who is let in by a grant: a guest gives no keys to others.

        Raises:
            ForbiddenError: The caller belongs elsewhere.
        """
        if self.is_descended:
            raise ForbiddenError("to belong to this account")

    def may(self, permission: Permission | str) -> bool:
        return Permission(permission) in self.permissions

    def check(self, *permissions: Permission) -> None:
        """Refuse what the caller may not do.

        Raises:
            ForbiddenError: One of the permissions is missing.
        """
        for permission in permissions:
            if permission not in self.permissions:
                raise ForbiddenError(permission.value)
