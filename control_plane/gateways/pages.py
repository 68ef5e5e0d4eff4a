from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.enrolment import approval
from control_plane.enrolment.words import fingerprint
from control_plane.errors import ConflictError, InvalidError, SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.gateways.schemas import NewGateway
from control_plane.now import service as now
from control_plane.parked import service as parked
from control_plane.security.permissions import Permission
from control_plane.sites.pages import sites_page
from control_plane.web.caller import (
    account_id,
    actor,
    enrolment_code,
    reading,
    requires,
    tenant,
    vault,
    vendor_id,
    writing,
)
from control_plane.web.forms import Form, read, sentence
from control_plane.web.rendering import fragment
from shared.i18n import gettext
from shared.ids import GatewayId

_ = gettext
bp = Blueprint("gateways", __name__, url_prefix="/gateways")
_MOST_SHOWN: Final = 100


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_gateways() -> ResponseReturnValue:
    """List a vendor's gateways; those of an account stand at its sites."""
    if tenant().account_id:
        return redirect(url_for("sites.list_sites"), 303)
    with reading() as session:
        return vendors_page(session, Form())


@bp.post("")
@requires(Permission.CHANGE_THINGS)
def add_gateway() -> ResponseReturnValue:
    name = request.form.get("gateway_name", "").strip()
    form = Form({"name": name, "site_id": request.form.get("site_id", "")})
    body = read(NewGateway, form)
    if body is not None:
        try:
            with writing() as session:
                gateway = gateways.create(session, tenant(), body, actor(), vault=vault())
        except SpoolhouseError as error:
            form.refuse(error, ("name", "site_id"))
        else:
            flash(_("The gateway %(name)s was added. Make its code next.", name=gateway.name))
            return redirect(url_for("gateways.show_gateway", gateway_id=gateway.id), 303)
    # The page has two fields called name; the one of the gateway keeps its own.
    form.values = {"gateway_name": name, "site_id": form.values["site_id"]}
    if "name" in form.errors:
        form.errors["gateway_name"] = form.errors.pop("name")
    with reading() as session:
        page = sites_page if tenant().account_id else vendors_page
        return page(session, form), 422


@bp.get("/<gateway_id>")
@requires(Permission.SEE_THINGS)
def show_gateway(gateway_id: str) -> ResponseReturnValue:
    with reading() as session:
        return _gateway_page(session, gateway_id, Form())


@bp.get("/<gateway_id>/live")
@requires(Permission.SEE_THINGS)
def live_gateway(gateway_id: str) -> ResponseReturnValue:
    with reading() as session:
        return fragment("gateways/live.html", **_values(session, gateway_id))


@bp.post("/<gateway_id>/code")
@requires(Permission.CHANGE_THINGS)
def make_code(gateway_id: str) -> ResponseReturnValue:
    with writing() as session:
        gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
        code = enrolment_code(session, gateway)
    with reading() as session:
        return _gateway_page(session, gateway_id, Form(), code=code)


@bp.post("/<gateway_id>/accounts")
@requires(Permission.SEE_ACCOUNTS, Permission.CHANGE_THINGS)
def serve_account(gateway_id: str) -> ResponseReturnValue:
    """Let a vendor's gateway serve one of its accounts."""
    form = Form({"short_name": request.form.get("short_name", "").strip()})
    try:
        with writing() as session:
            gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
            account = accounts.get_by_short_name(session, vendor_id(), form.values["short_name"])
            gateways.serve(session, gateway, account.id, actor(), vault=vault())
    except (ConflictError, InvalidError) as error:
        form.refuse(error, ("short_name",))
        with reading() as session:
            return _gateway_page(session, gateway_id, form), 422
    flash(_("%(gateway)s serves %(account)s now.", gateway=gateway.name, account=account.name))
    return redirect(url_for("gateways.show_gateway", gateway_id=gateway_id), 303)


@bp.post("/<gateway_id>/revoke")
@requires(Permission.CHANGE_THINGS)
def revoke_gateway(gateway_id: str) -> ResponseReturnValue:
    form = Form({"confirm": request.form.get("confirm", "").strip()})
    with reading() as session:
        name = gateways.get_own(session, tenant(), GatewayId(gateway_id)).name
        if form.values["confirm"] != name:
            form.errors["confirm"] = _("Type the name %(name)s: this cannot be undone.", name=name)
            return _gateway_page(session, gateway_id, form), 422
    with writing() as session:
        gateways.revoke(session, tenant(), GatewayId(gateway_id), actor())
    flash(_("%(name)s was revoked: it reaches this primary no more.", name=name))
    return redirect(url_for("gateways.list_gateways"), 303)


@bp.post("/<gateway_id>/boxes/<key_fingerprint>/approve")
@requires(Permission.CHANGE_THINGS)
def approve_box(gateway_id: str, key_fingerprint: str) -> ResponseReturnValue:
    return _decide(gateway_id, key_fingerprint, approve=True)


@bp.post("/<gateway_id>/boxes/<key_fingerprint>/refuse")
@requires(Permission.CHANGE_THINGS)
def refuse_box(gateway_id: str, key_fingerprint: str) -> ResponseReturnValue:
    return _decide(gateway_id, key_fingerprint, approve=False)


def _decide(gateway_id: str, key_fingerprint: str, *, approve: bool) -> ResponseReturnValue:
    try:
        with writing() as session:
            approval.decide(
                session, tenant(), GatewayId(gateway_id), key_fingerprint, actor(), approve=approve
            )
    except ConflictError as error:
        flash(sentence(str(error)), "error")
    else:
        flash(
            _("Approved. The machine becomes the gateway within a minute.")
            if approve
            else _("Refused. Its code stays used up; make a new one for the right machine.")
        )
    return redirect(url_for("gateways.show_gateway", gateway_id=gateway_id), 303)


def vendors_page(session: Session, form: Form) -> str:
    """Show a vendor's gateways, how they are, and how many accounts each serves."""
    page = gateways.list_gateways(
        session,
        tenant(),
        text=request.args.get("q") or None,
        order=request.args.get("order", ""),
        cursor=request.args.get("cursor") or None,
    )
    ids = [gateway.id for gateway in page.items]
    states, moment = gateways.states(session, ids), utc_now()
    return render_template(
        "gateways/list.html",
        form=form,
        page=page,
        how={g.id: words.how(g, states.get(g.id), moment) for g in page.items},
        serving=gateways.count_accounts(session, ids),
    )


def _gateway_page(session: Session, gateway_id: str, form: Form, *, code: Any = None) -> str:
    values = _values(session, gateway_id)
    # An account learns nothing of the others that its vendor's gateway serves.
    served = gateways.served_accounts(session, values["gateway"].id) if tenant().vendor_id else ()
    return render_template(
        "gateways/show.html",
        code=code,
        form=form,
        served=accounts.list_some(session, served[:_MOST_SHOWN]),
        more=max(0, len(served) - _MOST_SHOWN),
        **values,
    )


def _values(session: Session, gateway_id: str) -> dict[str, Any]:
    gateway = gateways.get_gateway(session, tenant(), GatewayId(gateway_id))
    state = gateways.states(session, [gateway.id]).get(gateway.id)
    people = now.count_people(session, account_id()) if tenant().account_id else 0
    is_own = gateway.tenant == str(tenant())
    waiting = parked.list_waiting(session, tenant()) if is_own else ()
    boxes = approval.list_waiting(session, tenant(), gateway.id) if is_own else ()
    return {
        "gateway": gateway,
        "boxes": [(box, fingerprint(box.key_fingerprint)) for box in boxes],
        "waits": next((row for row in waiting if row.gateway_id == gateway.id), None),
        "view": words.view(
            gateway,
            state,
            utc_now(),
            people=people,
            is_own=is_own,
            rehearses_until=commands.rehearsals(session, [gateway.id]).get(gateway.id),
            account_id=tenant().account_id,
        ),
        "heard_at": state.last_seen_at if state else None,
    }
