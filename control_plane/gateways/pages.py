from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.enrolment import approval
from control_plane.enrolment.words import fingerprint
from control_plane.errors import ConflictError
from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.gateways.schemas import NewGateway
from control_plane.now import service as now
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
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
from control_plane.web.changing import attempt, carry_out, confirmed, done, typed
from control_plane.web.forms import Form, sentence
from control_plane.web.lists import asked_for
from control_plane.web.rendering import fragment
from control_plane.web.tables import Row, csv_response, every_row
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


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_gateways() -> ResponseReturnValue:
    """One's own gateways, and for an account those that serve it."""

    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _some(session, cursor, EXPORT_LIMIT)
        states = gateways.states(session, [gateway.id for gateway in page.items])
        moment = utc_now()
        rows = []
        for gateway in page.items:
            state = states.get(gateway.id)
            heard = state.last_seen_at if state else None
            _tone, says = words.how(gateway, state, moment)
            rows.append((gateway.name, says, heard, gateway.enrolled_at, gateway.created_at))
        return rows, page.next_cursor

    header = [_("Gateway"), _("State"), _("Last heard"), _("Enrolled"), _("Since")]
    return csv_response("gateways", header, every_row(read_some))


@bp.post("")
@requires(Permission.CHANGE_THINGS)
def add_gateway() -> ResponseReturnValue:
    form = typed("gateway_name", "site_id")  # The page of sites has a field called name, too.
    sent = Form({"name": form.values["gateway_name"], "site_id": form.values["site_id"]})
    made = carry_out(
        NewGateway,
        sent,
        lambda session, body: gateways.create(session, tenant(), body, actor(), vault=vault()),
    )
    if made:
        said = _("The gateway %(name)s was added. Make its code next.", name=made.name)
        return done(said, "gateways.show_gateway", gateway_id=made.id)
    form.errors = {"gateway_name" if key == "name" else key: e for key, e in sent.errors.items()}
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
    form = typed("short_name")

    def serve(session: Session) -> tuple[str, str]:
        gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
        account = accounts.get_by_short_name(session, vendor_id(), form.values["short_name"])
        gateways.serve(session, gateway, account.id, actor(), vault=vault())
        return gateway.name, account.name

    if names := attempt(form, serve):
        said = _("%(gateway)s serves %(account)s now.", gateway=names[0], account=names[1])
        return done(said, "gateways.show_gateway", gateway_id=gateway_id)
    with reading() as session:
        return _gateway_page(session, gateway_id, form), 422


@bp.post("/<gateway_id>/revoke")
@requires(Permission.CHANGE_THINGS)
def revoke_gateway(gateway_id: str) -> ResponseReturnValue:
    form = typed("confirm")
    with reading() as session:
        name = gateways.get_own(session, tenant(), GatewayId(gateway_id)).name
        if not confirmed(form, name):
            return _gateway_page(session, gateway_id, form), 422
    with writing() as session:
        gateways.revoke(session, tenant(), GatewayId(gateway_id), actor())
    said = _("%(name)s was revoked: it reaches this primary no more.", name=name)
    return done(said, "gateways.list_gateways")


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


def _some(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return gateways.list_gateways(session, tenant(), **asked_for(cursor, limit))


def vendors_page(session: Session, form: Form) -> str:
    """Show a vendor's gateways, how they are, and how many accounts each serves."""
    page = _some(session, request.args.get("cursor"))
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
