from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from control_plane.commands import requests
from control_plane.commands.schemas import CommandView
from control_plane.request import account_id, actor, caller
from control_plane.rest.routing import Rest
from control_plane.schemas import Body
from control_plane.security.permissions import Permission
from shared.ids import CommandId, GatewayId, PrinterId

rest = Rest("commands", __name__)


@rest.get("/commands/<command_id>", Permission.SEE_THINGS, answer=CommandView)
def get_command(session: Session, command_id: CommandId) -> CommandView:
    """Show what was asked of a gateway, and how far it is."""
    return CommandView.model_validate(requests.get_command(session, caller().tenant, command_id))


@rest.ask("/printers/<printer_id>/identify", Permission.CHANGE_THINGS, answer=CommandView)
def identify_printer(session: Session, printer_id: PrinterId) -> CommandView:
    """Let a printer make itself known to whoever stands near it."""
    asked = requests.identify_printer(session, account_id(), printer_id, actor())
    return CommandView.model_validate(asked)


@rest.ask("/printers/<printer_id>/diagnose", Permission.CHANGE_THINGS, answer=CommandView)
def diagnose_printer(session: Session, printer_id: PrinterId) -> CommandView:
    """Ask a printer, through its gateway, how it is now."""
    asked = requests.diagnose_printer(session, account_id(), printer_id, actor())
    return CommandView.model_validate(asked)


class Rehearse(Body):
    """For how long; the gateway ends it by itself."""

    minutes: Annotated[int, Field(ge=1, le=60)] = 10


@rest.ask(
    "/gateways/<gateway_id>/rehearsal", Permission.CHANGE_THINGS, body=Rehearse, answer=CommandView
)
def rehearse(session: Session, gateway_id: GatewayId, body: Rehearse) -> CommandView:
    """Let a gateway of one's own behave as if its line were cut; its command tells afterwards."""
    asked = requests.rehearse(session, caller().tenant, gateway_id, actor(), minutes=body.minutes)
    return CommandView.model_validate(asked)


@rest.ask("/gateways/<gateway_id>/rehearsal/end", Permission.CHANGE_THINGS, answer=CommandView)
def end_rehearsal(session: Session, gateway_id: GatewayId) -> CommandView:
    """End a rehearsal before its time."""
    asked = requests.end_rehearsal(session, caller().tenant, gateway_id, actor())
    return CommandView.model_validate(asked)


@rest.ask("/gateways/<gateway_id>/diagnose", Permission.CHANGE_THINGS, answer=CommandView)
def diagnose_gateway(session: Session, gateway_id: GatewayId) -> CommandView:
    """Ask a gateway of one's own what is wrong with it."""
    return CommandView.model_validate(
        requests.diagnose(session, caller().tenant, gateway_id, actor())
    )
