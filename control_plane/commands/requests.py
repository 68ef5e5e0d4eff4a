"""What people and programs ask of gateways and, through them, of printers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit.actor import Actor
from control_plane.commands import service as commands
from control_plane.commands.models import Command
from control_plane.database import utc_now
from control_plane.errors import ConflictError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.gateways import things
from control_plane.gateways.models import Gateway
from control_plane.printers import service as printers
from control_plane.printers.models import Printer
from control_plane.tenants import Tenant
from shared.clock import to_wire
from shared.ids import AccountId, CommandId, GatewayId, PrinterId
from shared.messages.commands import CommandKind

_TO_TELL: Final = timedelta(minutes=15)  # after a rehearsal, before it counts as never told
_ENROL_FIRST: Final = "the gateway has not been enrolled yet"


def identify_printer(
    session: Session, account_id: AccountId, printer_id: PrinterId, by: Actor
) -> Command:
    """Ask for a printer to make itself known: to sound, flash, or show it on its display.

    Raises:
        NotFoundError: There is no such printer.
        ConflictError: No gateway looks after it.
    """
    return _ask_about(session, account_id, printer_id, CommandKind.IDENTIFY_PRINTER, by)


def diagnose_printer(
    session: Session, account_id: AccountId, printer_id: PrinterId, by: Actor
) -> Command:
    """Ask how a printer is, now; refused as ``identify_printer`` is."""
    return _ask_about(session, account_id, printer_id, CommandKind.DIAGNOSE_PRINTER, by)


def diagnose(session: Session, tenant: Tenant, gateway_id: GatewayId, by: Actor) -> Command:
    """Ask a gateway of one's own what is wrong with it; its answer names all whom it serves.

    Raises:
        NotFoundError: There is no such gateway.
        ConflictError: It has not been enrolled.
    """
    gateway = gateways.get_own(session, tenant, gateway_id)
    check_enrolled(gateway)
    return commands.ask(session, tenant, gateway.id, CommandKind.DIAGNOSE, body={}, by=by)


def rehearse(
    session: Session, tenant: Tenant, gateway_id: GatewayId, by: Actor, *, minutes: int = 10
) -> Command:
    """Ask a gateway of one's own to behave as if its line were cut, and to tell afterwards.

    Raises:
        NotFoundError: There is no such gateway.
        ConflictError: It has not been enrolled, or rehearses already.
    """
    gateway = gateways.get_own(session, tenant, gateway_id)
    check_enrolled(gateway)
    if commands.rehearsals(session, [gateway.id]):
        raise ConflictError("a rehearsal goes on already")
    seconds = minutes * 60
    body = {"seconds": seconds, "begin_before": to_wire(utc_now() + commands.EXPIRES_AFTER)}
    return commands.ask(
        session, tenant, gateway.id, CommandKind.REHEARSE, body=body, by=by,
        expires_after=timedelta(seconds=seconds) + _TO_TELL,
    )  # fmt: skip


def end_rehearsal(session: Session, tenant: Tenant, gateway_id: GatewayId, by: Actor) -> Command:
    """Ask a gateway of one's own to end its rehearsal; the one thing it hears in it.

    Raises:
        NotFoundError: There is no such gateway.
        ConflictError: It does not rehearse.
    """
    gateway = gateways.get_own(session, tenant, gateway_id)
    if not commands.rehearsals(session, [gateway.id]):
        raise ConflictError("no rehearsal goes on here")
    return commands.ask(session, tenant, gateway.id, CommandKind.END_REHEARSAL, body={}, by=by)


def get_command(session: Session, tenant: Tenant, command_id: CommandId) -> Command:
    """Something that this tenant asked; what others asked is not there."""
    command = commands.find_command(session, tenant, command_id)
    if command is None:
        raise NotFoundError("command", command_id)
    return command


def check_enrolled(gateway: Gateway) -> None:
    if gateway.enrolled_at is None or gateway.revoked_at is not None:
        raise ConflictError(_ENROL_FIRST)


def _ask_about(
    session: Session, account_id: AccountId, printer_id: PrinterId, kind: CommandKind, by: Actor
) -> Command:
    printer = printers.get_printer(session, account_id, printer_id)
    gateway_id = _who_looks_after(session, printer)
    body = {"account_id": account_id, "printer_id": printer_id}
    return commands.ask(session, tenants.account(account_id), gateway_id, kind, body=body, by=by)


def _who_looks_after(session: Session, printer: Printer) -> GatewayId:
    """Choose its own gateway, else the one of its site that was heard last."""
    serving = [g for g in gateways.serving_gateways(session, printer.account_id) if g.enrolled_at]
    own = [gateway for gateway in serving if gateway.id == printer.gateway_id]
    near = own or [
        gateway
        for gateway in serving
        if printer.gateway_id is None and printer.site_id in (None, gateway.site_id)
    ]
    if not near:
        raise ConflictError("no enrolled gateway looks after this printer")
    return _heard_last(session, near)


def _heard_last(session: Session, found: Sequence[Gateway]) -> GatewayId:
    states = gateways.states(session, [gateway.id for gateway in found])
    heard = [states[g.id] for g in found if g.id in states and states[g.id].last_seen_at]
    if not heard:
        return found[0].id
    now = utc_now()
    newest = min(heard, key=lambda state: things.silence(state, now))
    return newest.gateway_id
