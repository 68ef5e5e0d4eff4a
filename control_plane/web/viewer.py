"""Who looks at a page: name, language, time zone, and what stands around every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import g, request
from sqlalchemy.orm import Session

from control_plane import request as current
from control_plane.accounts import service as accounts
from control_plane.security.caller import Caller
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.vendors import service as vendors
from control_plane.web import navigation
from shared import i18n

_ = i18n.gettext


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person, as templates see them."""

    caller: Caller
    tenant_name: str

    @property
    def display_name(self) -> str:
        return self.caller.display_name

    @property
    def username(self) -> str:
        return self.caller.username

    @property
    def tenant_note(self) -> str:
        return _("looked at under a grant") if self.caller.is_descended else ""

    @property
    def is_vendor(self) -> bool:
        return self.caller.tenant.vendor_id is not None

    @property
    def may_find(self) -> bool:
        return self.caller.tenant.account_id is not None and self.may("things.see")

    @property
    def has_portal(self) -> bool:
        return self.caller.tenant.account_id is not None and self.may("own.jobs")

    def may(self, permission: str) -> bool:
        return self.caller.may(Permission(permission))


@dataclass(frozen=True, slots=True)
class Brand:
    name: str
    is_styled: bool
    logo_stamp: str


def read_as_caller() -> None:
    """Answer in the person's own language and time zone, or their account's."""
    g.viewer = None
    caller = current.find_caller()
    if caller is None or request.endpoint == "static":
        return
    with current.reading() as session:
        name, language, zone = _house(session, caller.tenant)
    g.viewer = Viewer(caller, name)
    chosen = request.cookies.get("__Host-spoolhouse-language")
    i18n.set_reader(chosen or caller.language or language, caller.time_zone or zone)


def _house(session: Session, tenant: Tenant) -> tuple[str, str, str]:
    if tenant.account_id is not None:
        account = accounts.get_account(session, tenant.account_id)
        return account.name, account.language, account.time_zone
    if tenant.vendor_id is not None:
        return vendors.get_vendor(session, tenant.vendor_id).name, i18n.current_language(), "UTC"
    return "", i18n.current_language(), "UTC"


def context() -> dict[str, Any]:
    """What every template may use."""
    domain = current.host_domain()
    return {
        "viewer": g.get("viewer"),
        "csrf_token": current.csrf_token,
        "navigation": navigation.sections,
        "brand": Brand(
            name=(domain.brand_name if domain else "") or "Spoolhouse",
            is_styled=bool(domain and (domain.brand_color or domain.brand_side_color)),
            logo_stamp=domain.logo_stamp if domain else "",
        ),
    }
