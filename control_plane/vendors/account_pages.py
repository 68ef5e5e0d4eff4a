"""A vendor's page of one account: its domains, its licence, which gateways of the vendor serve it.

Not below ``/accounts/<id>/``: there the account's own pages are, for who looks in under a grant.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import closing
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import LicenceExtension
from control_plane.database import utc_now
from control_plane.domains import service as domains
from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.grants import service as grants
from control_plane.security.permissions import Permission
from control_plane.web.caller import (
    actor,
    may,
    reading,
    requires,
    tenant,
    user_id,
    vault,
    vendor_id,
    writing,
)
from control_plane.web.changing import attempt, done, typed
from control_plane.web.forms import Form, read
from shared.i18n import gettext
from shared.ids import AccountId, GatewayId

_ = gettext
bp = Blueprint("customers", __name__, url_prefix="/customers")
_ALL: Final = 200


@bp.get("/<below_id>")
@requires(Permission.SEE_ACCOUNTS)
def show_account(below_id: str) -> ResponseReturnValue:
    with reading() as session:
        return account_page(session, below_id)


@bp.post("/<below_id>/licence")
@requires(Permission.CHANGE_ACCOUNTS)
def extend_licence(below_id: str) -> ResponseReturnValue:
    form = typed("devices", "expires_on")
    body = _read_extension(form)
    if body is None:
        with reading() as session:
            return account_page(session, below_id, licence_form=form), 422
    with writing() as session:
        accounts.extend_licence(session, vendor_id(), AccountId(below_id), body, actor())
    return _done(below_id, _("The licence was extended."))


@bp.post("/<below_id>/domains/<domain_id>/verify")
@requires(Permission.CHANGE_ACCOUNTS)
def vouch_for_domain(below_id: str, domain_id: str) -> ResponseReturnValue:
    """Give the account a name below one's own domain."""
    form = Form()
    domain = attempt(
        form,
        lambda session: domains.vouch(
            session, vendor_id(), AccountId(below_id), domain_id, actor()
        ),
    )
    if domain:
        return _done(below_id, _("%(name)s is verified: it shows its pages now.", name=domain.name))
    return _refused(below_id, form)


@bp.post("/<below_id>/gateways/<gateway_id>/serve")
@requires(Permission.SEE_ACCOUNTS, Permission.CHANGE_THINGS)
def serve(below_id: str, gateway_id: str) -> ResponseReturnValue:
    form = Form()

    def let_serve(session: Session) -> tuple[str, str]:
        account = accounts.get_of_vendor(session, vendor_id(), AccountId(below_id))
        gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
        gateways.serve(session, gateway, account.id, actor(), vault=vault())
        return gateway.name, account.name

    if names := attempt(form, let_serve):
        said = _("%(gateway)s serves %(account)s now.", gateway=names[0], account=names[1])
        return _done(below_id, said)
    return _refused(below_id, form)


@bp.post("/<below_id>/gateways/<gateway_id>/stop")
@requires(Permission.SEE_ACCOUNTS, Permission.CHANGE_THINGS)
def stop_serving(below_id: str, gateway_id: str) -> ResponseReturnValue:
    with writing() as session:
        account = accounts.get_of_vendor(session, vendor_id(), AccountId(below_id))
        gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
        gateways.stop_serving(session, gateway, account.id, actor())
    said = _("%(gateway)s forgets %(account)s.", gateway=gateway.name, account=account.name)
    return _done(below_id, said)


def _done(below_id: str, said: str) -> ResponseReturnValue:
    return done(said, "customers.show_account", below_id=below_id)


def _refused(below_id: str, form: Form) -> ResponseReturnValue:
    with reading() as session:
        return account_page(session, below_id, refused=form), 409


def _read_extension(form: Form) -> LicenceExtension | None:
    """Read a licence that runs to the end of a day, as a page asks for it."""
    day = form.values["expires_on"]
    typed = {"devices": form.values["devices"], "expires_at": f"{day}T23:59:59Z" if day else ""}
    inner = Form(typed)
    body = read(LicenceExtension, inner)
    form.errors = inner.errors
    if "expires_at" in form.errors:
        form.errors["expires_on"] = form.errors.pop("expires_at")
    return body


def account_page(
    session: Session,
    below_id: str,
    *,
    licence_form: Form | None = None,
    refused: Form | None = None,
    closing_form: Form | None = None,
) -> str:
    account = accounts.get_of_vendor(session, vendor_id(), AccountId(below_id))
    licence = accounts.licence(session, account.id)
    ends_on = licence.expires_at.date().isoformat()
    opened = grants.open_accounts(session, vendor_id(), user_id(), utc_now())
    names = domains.list_domains(session, tenants.account(account.id))
    own = tenants.vendor(vendor_id())
    return render_template(
        "vendor/account.html",
        account=account,
        licence=licence,
        licence_form=licence_form or Form({"devices": licence.devices, "expires_on": ends_on}),
        refused=refused or Form(),
        domains=names,
        may_vouch={
            name.id
            for name in names
            if not name.verified_at and domains.may_parent_verify(session, own, name.name)
        },
        lets_in=account.id in opened and not account.is_closed,
        deletion=closing.how_far(session, account) if account.erase_at else None,
        closing_form=closing_form or Form({"keep_days": "30"}),
        **_gateways(session, account.id),
    )


def _gateways(session: Session, account_id: AccountId) -> dict[str, Any]:
    """Which gateways of the vendor could serve the account, and which do."""
    serving = {gateway.id for gateway in gateways.serving_gateways(session, account_id)}
    if not may(Permission.SEE_THINGS):
        return {"gateways": (), "others": len(serving)}
    ours = gateways.list_gateways(session, tenant(), limit=_ALL).items
    states, now = gateways.states(session, [gateway.id for gateway in ours]), utc_now()
    rows = [
        {
            "id": gateway.id,
            "name": gateway.name,
            "how": words.how(gateway, states.get(gateway.id), now),
            "serves": gateway.id in serving,
        }
        for gateway in ours
    ]
    return {"gateways": rows, "others": len(serving - {gateway.id for gateway in ours})}
