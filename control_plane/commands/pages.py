"""What was asked of a gateway: asked here, followed here, answered here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.commands import requests, words
from control_plane.errors import ConflictError
from control_plane.gateways import service as gateways
from control_plane.printers import service as printers
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.web.caller import account_id, actor, reading, requires, tenant, writing
from control_plane.web.forms import sentence
from control_plane.web.rendering import fragment
from shared.i18n import gettext
from shared.ids import CommandId, GatewayId, PrinterId, UserId

_ = gettext
bp = Blueprint("commands", __name__, url_prefix="")


@bp.get("/commands/<command_id>")
@requires(Permission.SEE_THINGS)
def show_command(command_id: str) -> ResponseReturnValue:
    with reading() as session:
        return render_template("commands/show.html", **_values(session, command_id))


@bp.get("/commands/<command_id>/live")
@requires(Permission.SEE_THINGS)
def live_command(command_id: str) -> ResponseReturnValue:
    with reading() as session:
        return fragment("commands/live.html", **_values(session, command_id))


@bp.post("/printers/<printer_id>/identify")
@requires(Permission.CHANGE_THINGS)
def identify_printer(printer_id: str) -> ResponseReturnValue:
    wanted, back = PrinterId(printer_id), url_for("printers.show_printer", printer_id=printer_id)
    return _asked(
        lambda session: requests.identify_printer(session, account_id(), wanted, actor()), back
    )


@bp.post("/printers/<printer_id>/diagnose")
@requires(Permission.CHANGE_THINGS)
def diagnose_printer(printer_id: str) -> ResponseReturnValue:
    wanted, back = PrinterId(printer_id), url_for("printers.show_printer", printer_id=printer_id)
    return _asked(
        lambda session: requests.diagnose_printer(session, account_id(), wanted, actor()), back
    )


@bp.post("/gateways/<gateway_id>/diagnose")
@requires(Permission.CHANGE_THINGS)
def diagnose_gateway(gateway_id: str) -> ResponseReturnValue:
    wanted, back = GatewayId(gateway_id), url_for("gateways.show_gateway", gateway_id=gateway_id)
    return _asked(lambda session: requests.diagnose(session, tenant(), wanted, actor()), back)


@bp.post("/gateways/<gateway_id>/rehearse")
@requires(Permission.CHANGE_THINGS)
def rehearse(gateway_id: str) -> ResponseReturnValue:
    wanted, back = GatewayId(gateway_id), url_for("gateways.show_gateway", gateway_id=gateway_id)
    return _asked(lambda session: requests.rehearse(session, tenant(), wanted, actor()), back)


@bp.post("/gateways/<gateway_id>/rehearse/end")
@requires(Permission.CHANGE_THINGS)
def end_rehearsal(gateway_id: str) -> ResponseReturnValue:
    wanted, back = GatewayId(gateway_id), url_for("gateways.show_gateway", gateway_id=gateway_id)
    return _asked(lambda session: requests.end_rehearsal(session, tenant(), wanted, actor()), back)


def _asked(ask: Any, back: str) -> ResponseReturnValue:
    """Ask, and lead to the page that follows it; or back, with why it cannot be asked."""
    try:
        with writing() as session:
            command_id = ask(session).id
    except ConflictError as error:
        flash(sentence(str(error)), "error")
        return redirect(back, 303)
    return redirect(url_for("commands.show_command", command_id=command_id), 303)


def _values(session: Session, command_id: str) -> dict[str, Any]:
    command = requests.get_command(session, tenant(), CommandId(command_id))
    gateway = gateways.get_by_id(session, command.gateway_id)
    people = users.names(session, tenant(), [UserId(command.asked_by)])
    asked_by = people.get(UserId(command.asked_by), _("a program"))
    view = words.page(command, asked_by, gateway.name)
    printer_id = PrinterId(str(command.body.get("printer_id") or ""))
    named = (
        printers.names(session, account_id(), [printer_id])
        if printer_id and tenant().account_id
        else {}
    )
    return {"command": command, "view": view, "gateway": gateway, "printers": named}
