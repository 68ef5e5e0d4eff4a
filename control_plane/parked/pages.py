"""What of the link waits for a person: tried again, given up, or chosen here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError
from control_plane.gateways import service as gateways
from control_plane.parked import service as parked
from control_plane.parked import words
from control_plane.security.permissions import Permission
from control_plane.web.caller import actor, reading, requires, tenant, writing
from control_plane.web.changing import done
from control_plane.web.forms import sentence
from shared.i18n import gettext, ngettext
from shared.ids import GatewayId

_ = gettext
bp = Blueprint("parked", __name__, url_prefix="")


@bp.get("/parked")
@requires(Permission.SEE_THINGS)
def list_waiting() -> ResponseReturnValue:
    with reading() as session:
        found = parked.list_waiting(session, tenant())
        rows = [(row, gateways.get_by_id(session, row.gateway_id).name) for row in found[:50]]
    return render_template("parked/list.html", rows=rows)


@bp.get("/gateways/<gateway_id>/parked")
@requires(Permission.SEE_THINGS)
def show_parked(gateway_id: str) -> ResponseReturnValue:
    with reading() as session:
        return render_template("parked/show.html", **_values(session, GatewayId(gateway_id)))


@bp.post("/gateways/<gateway_id>/parked/retry")
@requires(Permission.CHANGE_THINGS)
def retry(gateway_id: str) -> ResponseReturnValue:
    entity = request.form.get("entity", "")
    try:
        with writing() as session:
            tried = parked.retry(session, tenant(), GatewayId(gateway_id), entity, actor())
    except ConflictError as error:
        flash(sentence(str(error)), "error")
        return _back(gateway_id)
    if tried.left:
        flash(_("It could not be taken in yet: %(why)s", why=tried.reason), "error")
    else:
        said = ngettext("%(num)s line was taken in.", "%(num)s lines were taken in.", tried.applied)
        flash(said)
    return _back(gateway_id)


@bp.post("/gateways/<gateway_id>/parked/give-up")
@requires(Permission.CHANGE_THINGS)
def give_up(gateway_id: str) -> ResponseReturnValue:
    entity = request.form.get("entity", "")
    try:
        with writing() as session:
            rows = parked.give_up(session, tenant(), GatewayId(gateway_id), entity, actor())
    except ConflictError as error:
        flash(sentence(str(error)), "error")
    else:
        said = ngettext(
            "%(num)s line was given up. It is kept to be read, and counts nowhere.",
            "%(num)s lines were given up. They are kept to be read, and count nowhere.",
            rows,
        )
        flash(said)
    return _back(gateway_id)


@bp.post("/gateways/<gateway_id>/choose")
@requires(Permission.CHANGE_THINGS)
def choose(gateway_id: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            boot_id = request.form.get("boot_id", "")
            parked.choose(session, tenant(), GatewayId(gateway_id), boot_id, actor())
    except (ConflictError, InvalidError) as error:
        flash(sentence(str(error)), "error")
        return _back(gateway_id)
    return done(
        _("Chosen. The gateway goes on within a minute; nothing that waited is lost."),
        "gateways.show_gateway",
        gateway_id=gateway_id,
    )


def _back(gateway_id: str) -> ResponseReturnValue:
    return redirect(url_for("parked.show_parked", gateway_id=gateway_id), 303)


def _values(session: Session, gateway_id: GatewayId) -> dict[str, Any]:
    gateway = gateways.get_own(session, tenant(), gateway_id)
    halt = parked.find_halt(session, tenant(), gateway_id)
    things = parked.list_parked(session, tenant(), gateway_id)
    return {
        "gateway": gateway,
        "halted_at": halt[0].at if halt else None,
        "boxes": words.box_lines(halt[1], utc_now()) if halt else (),
        "things": [words.thing_line(thing) for thing in things],
        "there_may_be_more": len(things) == parked.MOST_GROUPS,
    }
