"""Terminals: the screens at printers, paired by a one-time code and ended here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.gateways import service as gateways
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.readers import service as readers
from control_plane.security.permissions import Permission
from control_plane.terminals import service as terminals
from control_plane.terminals.schemas import NewTerminalCode
from control_plane.web.caller import account_id, actor, reading, requires, writing
from control_plane.web.forms import Form, read
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import PrinterId, TerminalId

_ = gettext
bp = Blueprint("terminals", __name__, url_prefix="/terminals")
_ALL: Final = 200
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_terminals() -> ResponseReturnValue:
    with reading() as session:
        return _list_page(session, Form())


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_terminals() -> ResponseReturnValue:
    names = ("name", "printer", "reader", "gateway", "paired_at")

    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        rows = _rows(session, page.items)
        return [[row[name] for name in names] for row in rows], page.next_cursor

    header = [_("Terminal"), _("Printer"), _("Card reader"), _("Gateway"), _("Paired")]
    return csv_response("terminals", header, every_row(read_some))


@bp.post("/code")
@requires(Permission.CHANGE_THINGS)
def make_code() -> ResponseReturnValue:
    """Make the one-time code that pairs a screen with a printer; it is shown this once."""
    form = Form({"printer_id": request.form.get("printer_id", "").strip()})
    with writing() as session:
        wanted = {**form.values, "reader_id": _only_reader(session, form.values["printer_id"])}
        body = read(NewTerminalCode, Form(wanted, form.errors))
        if body is not None:
            printer = printers.get_printer(session, account_id(), body.printer_id)
            row, code = terminals.create_code(session, account_id(), body, actor())
            shown = {"code": code, "expires_at": row.expires_at}
            screens = _screens(session, printer, code)
            return render_template(
                "terminals/code.html", printer=printer, code=shown, screens=screens
            )
    with reading() as session:
        return _list_page(session, form), 422


@bp.post("/<terminal_id>/revoke")
@requires(Permission.CHANGE_THINGS)
def revoke_terminal(terminal_id: str) -> ResponseReturnValue:
    with writing() as session:
        ended = terminals.revoke(session, account_id(), TerminalId(terminal_id), actor())
    flash(_("The terminal was unpaired. It shows no data from now on."))
    if request.form.get("back") == "printer":
        return redirect(url_for("printers.show_printer", printer_id=ended.printer_id), 303)
    return redirect(url_for("terminals.list_terminals"), 303)


def _only_reader(session: Session, printer_id: str) -> str:
    """One reader: the terminal is its screen. With several, taps choose nobody's screen."""
    if not printer_id:
        return ""
    own = readers.list_readers(session, account_id(), printer_id=PrinterId(printer_id), limit=2)
    return own.items[0].id if len(own.items) == 1 else ""


def _screens(session: Session, printer: Any, code: str) -> list[dict[str, str]]:
    """Where a screen shows itself as a terminal: at the gateways that print on its printer."""
    near = gateways.serving_gateways(session, account_id())
    if printer.gateway_id:
        near = [gateway for gateway in near if gateway.id == printer.gateway_id]
    elif printer.site_id:
        near = [gateway for gateway in near if gateway.site_id == printer.site_id] or near
    found = []
    for gateway in near:
        service = gateway.services.get("terminal-client") or {}
        if not service.get("enabled", True) or not service.get("port"):
            continue
        host = service.get("host", "")
        if host in _EVERYWHERE:
            host = gateway.trusted_hosts[0] if gateway.trusted_hosts else _("gateway-address")
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{service['port']}/terminal#pair={code}"
        found.append({"gateway": gateway.name, "url": url})
    return found


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return terminals.list_terminals(session, account_id(), **asked_for(cursor, limit))


def _rows(session: Session, found: Sequence[Any]) -> list[dict[str, Any]]:
    names = printers.names(session, account_id(), [row.printer_id for row in found])
    names |= gateways.names(session, account_id(), [row.gateway_id for row in found])
    names |= readers.names(session, account_id(), [r.reader_id for r in found if r.reader_id])
    return [
        {
            "id": row.id,
            "name": row.name or _("Terminal"),
            "printer": names.get(row.printer_id, _("a printer that is gone")),
            "printer_id": row.printer_id if row.printer_id in names else "",
            "reader": names.get(row.reader_id or "", ""),
            "gateway": names.get(row.gateway_id, _("a gateway that is gone")),
            "paired_at": row.paired_at,
        }
        for row in found
    ]


def _list_page(session: Session, form: Form) -> str:
    page = _page(session, request.args.get("cursor"))
    known = printers.list_printers(session, account_id(), limit=_ALL).items
    return render_template(
        "terminals/list.html",
        form=form,
        page=page,
        rows=_rows(session, page.items),
        printers=[(printer.id, printer.name) for printer in known],
    )
