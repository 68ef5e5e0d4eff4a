from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.printers import repository
from control_plane.printers.models import Printer
from control_plane.printers.schemas import NewPrinter, PrinterChanges
from control_plane.sites import service as sites
from shared.ids import AccountId, GatewayId, PrinterId, SiteId, new_id
from shared.messages.records import PrinterRecord, account_stream

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
    session.add(printer)
    session.flush()
    feed.publish(session, account_stream(account_id), record_of(printer))
    audit.record(
        session, tenants.account(account_id), "printer.created", by, subject_kind="printer",
        subject_id=printer.id, detail=new.model_dump(mode="json"),
    )  # fmt: skip
    return printer


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
    changed = changes.apply(printer, body)
    session.flush()
    if changed:
        feed.publish(session, account_stream(account_id), record_of(printer))
        audit.record(
            session, tenants.account(account_id), "printer.changed", by, subject_kind="printer",
            subject_id=printer.id, detail={"name": printer.name, **changed},
        )  # fmt: skip
    return printer


def delete(session: Session, account_id: AccountId, printer_id: PrinterId, by: Actor) -> None:
    """Remove a printer; the database refuses while queues or readers belong to it."""
    printer = get_printer(session, account_id, printer_id)
    session.delete(printer)
    session.flush()
    feed.retract(session, account_stream(account_id), "printer", printer_id)
    audit.record(
        session, tenants.account(account_id), "printer.deleted", by, subject_kind="printer",
        subject_id=printer_id, detail={"name": printer.name},
    )  # fmt: skip


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
