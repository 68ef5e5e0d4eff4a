from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from control_plane import changes
from control_plane.accounts import service as accounts
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.printers import repository
from control_plane.printers.models import Printer
from control_plane.printers.schemas import NewPrinter, PrinterChanges
from control_plane.replicated import Kind
from control_plane.sites import service as sites
from shared.ids import AccountId, GatewayId, PrinterId, SiteId, new_id
from shared.messages.records import PrinterRecord

list_printers = repository.list_printers
find_by_name = repository.find_by_name
names = repository.names
count = repository.count


def create(session: Session, account_id: AccountId, new: NewPrinter, by: Actor) -> Printer:
    """Add a printer.

    Raises:
        ConflictError: The name is taken, or the licence does not allow another one.
    """
    check_licence(session, account_id)
    _check_name(session, account_id, new.name, None)
    _check_places(session, account_id, new.site_id, new.gateway_id)
    printer = Printer(id=PrinterId(new_id()), account_id=account_id, **new.model_dump())
    return KIND.add(session, printer, new, by)


def check_licence(session: Session, account_id: AccountId) -> None:
    """A licence bounds what is added; what is there prints for ever."""
    licence = accounts.licence(session, account_id)
    if licence.expires_at <= utc_now():
        raise ConflictError("the licence has expired; printing goes on, adding printers does not")
    if repository.count(session, account_id) >= licence.devices:
        raise ConflictError("the licence covers %(devices)s printers", devices=licence.devices)


def get_printer(session: Session, account_id: AccountId, printer_id: PrinterId) -> Printer:
    printer = repository.find_printer(session, account_id, printer_id)
    if printer is None:
        raise NotFoundError("printer", printer_id)
    return printer


def update(
    session: Session,
    account_id: AccountId,
    printer_id: PrinterId,
    body: PrinterChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Printer:
    printer = get_printer(session, account_id, printer_id)
    changes.check_version(printer, expected_version)
    _check_name(session, account_id, body.name, printer_id)
    _check_places(session, account_id, body.site_id, body.gateway_id)
    return KIND.change(session, printer, changes.apply(printer, body), by)


def delete(session: Session, account_id: AccountId, printer_id: PrinterId, by: Actor) -> None:
    """Remove a printer; the database refuses while queues or readers belong to it."""
    KIND.remove(session, get_printer(session, account_id, printer_id), by)


def record_of(printer: Printer) -> PrinterRecord:
    return PrinterRecord(
        id=printer.id,
        name=printer.name,
        uri=printer.uri,
        site_id=printer.site_id,
        profile=printer.profile,
        location=printer.location,
        gateway_id=printer.gateway_id,
        enabled=printer.enabled,
    )


KIND: Final = Kind("printer", record_of)


def _check_name(
    session: Session, account_id: AccountId, name: str | None, own_id: PrinterId | None
) -> None:
    other = repository.find_by_name(session, account_id, name) if name else None
    if other and other.id != own_id:
        raise ConflictError("there is a printer with this name", "name")


def _check_places(
    session: Session,
    account_id: AccountId,
    site_id: SiteId | None,
    gateway_id: GatewayId | None,
) -> None:
    try:
        if site_id:
            sites.get_site(session, account_id, site_id)
        if gateway_id:
            gateways.get_serving(session, account_id, gateway_id)
    except NotFoundError as error:
        raise InvalidError(f"{error.kind}_id", str(error)) from None
