"""What pages ask about their request, beyond ``control_plane.request``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g, url_for
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.enrolment import service as enrolment
from control_plane.enrolment import words
from control_plane.gateways.models import Gateway
from control_plane.request import (
    account_id,
    actor,
    caller,
    parts,
    reading,
    vault,
    writing,
)
from control_plane.security.permissions import Permission
from control_plane.security.routes import requires
from control_plane.tenants import Tenant
from shared.enrolment_code import write_typed
from shared.ids import UserId, VendorId

__all__ = [
    "account_id",
    "actor",
    "caller",
    "enrolment_code",
    "first_page",
    "may",
    "parts",
    "permissions",
    "reading",
    "requires",
    "shows_titles",
    "tenant",
    "user_id",
    "vault",
    "vendor_id",
    "writing",
]


def tenant() -> Tenant:
    """Whose things the page shows."""
    return caller().tenant


def vendor_id() -> VendorId:
    return caller().vendor_id


def user_id() -> UserId:
    """The person who is signed in; pages are for people alone."""
    found = caller().user_id
    assert found is not None, "an API key has no pages"
    return found


def permissions() -> frozenset[Permission]:
    return caller().permissions


def may(permission: Permission) -> bool:
    return caller().may(permission)


def shows_titles() -> bool:
    """Whether titles of jobs may be shown: a vendor's people see them only where allowed."""
    if not caller().is_descended:
        return True
    if "shows_titles" not in g:
        with reading() as session:
            g.shows_titles = accounts.get_account(session, account_id()).titles_visible_to_vendor
    return bool(g.shows_titles)


def first_page() -> str:
    """Where somebody begins who may not see "Now"."""
    if tenant().account_id is None:
        return url_for("vendor.list_accounts")
    for permission, endpoint in (
        (Permission.SEE_JOBS, "now.show"),
        (Permission.SEE_THINGS, "printers.list_printers"),
        (Permission.SEE_PEOPLE, "users.list_users"),
    ):
        if may(permission):
            return url_for(endpoint)
    return url_for("portal.show")


def enrolment_code(session: Session, gateway: Gateway) -> Mapping[str, Any]:
    """Make the one-time code that turns a machine into this gateway."""
    code, expires_at = enrolment.create_code(
        session,
        gateway,
        actor(),
        url=parts().settings.url,
        authority_pem=parts().keys.authority.pem,
    )
    return {
        "code": str(code),
        "typed": write_typed(code.secret),
        "url": code.url,
        "expires_at": expires_at,
        "picture": words.picture(str(code)),
        "authority": words.fingerprint(code.pin.hex()),
    }
