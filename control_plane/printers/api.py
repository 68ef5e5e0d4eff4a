from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter, PrinterChanges, PrinterView
from control_plane.request import account_id, actor
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.security.permissions import Permission
from shared.ids import PrinterId

rest = Rest("printers", __name__)


@rest.get("/printers", Permission.SEE_THINGS, query=TextQuery, answer=Items[PrinterView])
def list_printers(session: Session, query: TextQuery) -> Items[PrinterView]:
    """List printers by name."""
    page = printers.list_printers(session, account_id(), **query.model_dump())
    return items(page, PrinterView)


@rest.post("/printers", Permission.CHANGE_THINGS, body=NewPrinter, answer=PrinterView)
def create_printer(session: Session, body: NewPrinter) -> PrinterView:
    """Add a printer."""
    return PrinterView.model_validate(printers.create(session, account_id(), body, actor()))


@rest.get("/printers/<printer_id>", Permission.SEE_THINGS, answer=PrinterView)
def get_printer(session: Session, printer_id: PrinterId) -> PrinterView:
    """Show a printer."""
    return PrinterView.model_validate(printers.get_printer(session, account_id(), printer_id))


@rest.patch(
    "/printers/<printer_id>", Permission.CHANGE_THINGS, body=PrinterChanges, answer=PrinterView
)
def update_printer(session: Session, printer_id: PrinterId, body: PrinterChanges) -> PrinterView:
    """Change a printer."""
    printer = printers.update(
        session, account_id(), printer_id, body, actor(), expected_version=expected_version()
    )
    return PrinterView.model_validate(printer)


@rest.delete("/printers/<printer_id>", Permission.CHANGE_THINGS)
def delete_printer(session: Session, printer_id: PrinterId) -> None:
    """Remove a printer that no queue and no reader uses."""
    printers.delete(session, account_id(), printer_id, actor())
