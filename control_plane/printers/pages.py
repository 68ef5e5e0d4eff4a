from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.gateways import things
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.printers import words
from control_plane.printers.abilities import abilities
from control_plane.printers.schemas import NewPrinter, PrinterChanges
from control_plane.readers import service as readers
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.terminals import service as terminals
from control_plane.web.caller import account_id, actor, reading, requires, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from control_plane.web.lists import asked_for
from control_plane.web.rendering import fragment
from control_plane.web.tables import Row, csv_response, every_row, yes_or_no
from shared.i18n import gettext
from shared.ids import PrinterId
from shared.profiles import list_profiles

_ = gettext
bp = Blueprint("printers", __name__, url_prefix="/printers")
_FIELDS = ("name", "uri", "location", "site_id", "gateway_id", "profile")
_NEW = {"profile": "generic/ipp-everywhere"}
_ALL = 200


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_printers() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor"))
        values = {"page": page, "sites": _site_names(session), "how": _how(session, page.items)}
    if request.args.get("fragment") == "rows":
        return fragment("printers/rows.html", **values)
    return render_template("printers/list.html", **values)


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_printers() -> ResponseReturnValue:
    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page, places = _page(session, cursor, EXPORT_LIMIT), _site_names(session)
        how = _how(session, page.items)
        rows = [
            (
                p.name, p.location, places.get(p.site_id), p.uri, p.profile,
                yes_or_no(p.enabled), how[p.id].says, how[p.id].as_of,
            )
            for p in page.items
        ]  # fmt: skip
        return rows, page.next_cursor

    header = [
        _("Printer"), _("Place"), _("Site"), _("Address"), _("Profile"), _("Switched on"),
        _("State"), _("As of"),
    ]  # fmt: skip
    return csv_response("printers", header, every_row(read_some))


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return printers.list_printers(session, account_id(), **asked_for(cursor, limit))


def _how(session: Session, found: Sequence[Any]) -> dict[str, words.PrinterHow]:
    now = utc_now()
    states = things.states(session, account_id(), "printers", now)
    return {p.id: words.how(states.get(p.id), now, enabled=p.enabled) for p in found}


def _site_names(session: Session) -> dict[str | None, str]:
    places = sites.list_sites(session, account_id(), limit=_ALL).items
    return {site.id: site.name for site in places}


@bp.get("/new")
@requires(Permission.CHANGE_THINGS)
def new_printer() -> ResponseReturnValue:
    with reading() as session:
        return _form_page(session, Form(_NEW), None)


@bp.post("/new")
@requires(Permission.CHANGE_THINGS)
def add_printer() -> ResponseReturnValue:
    form = typed(*_FIELDS)
    made = carry_out(
        NewPrinter,
        form,
        lambda session, body: printers.create(session, account_id(), body, actor()),
    )
    if made:
        return done(_("%(name)s was added.", name=made.name), "printers.list_printers")
    with reading() as session:
        return _form_page(session, form, None), 422


@bp.get("/<printer_id>")
@requires(Permission.SEE_THINGS)
def show_printer(printer_id: str) -> ResponseReturnValue:
    with reading() as session:
        printer = printers.get_printer(session, account_id(), PrinterId(printer_id))
        if request.args.get("fragment") == "state":
            how = _how(session, [printer])[printer.id]
            return fragment("printers/state.html", printer=printer, how=how)
        values = {name: getattr(printer, name) or "" for name in (*_FIELDS, "enabled")}
        return _form_page(session, Form(values), printer)


@bp.post("/<printer_id>")
@requires(Permission.CHANGE_THINGS)
def change_printer(printer_id: str) -> ResponseReturnValue:
    form = typed(*_FIELDS, enabled="enabled" in request.form)
    # An emptied field is a wish, too: the printer is then of no site.
    emptied = {name: form.values[name] or None for name in ("site_id", "gateway_id")}
    changed = carry_out(
        PrinterChanges,
        form,
        lambda session, body: printers.update(
            session,
            account_id(),
            PrinterId(printer_id),
            body.model_copy(update={**emptied, "location": form.values["location"]}),
            actor(),
        ),
        needs=("name", "uri", "profile"),
    )
    if changed:
        return done(_("Saved."), "printers.show_printer", printer_id=printer_id)
    with reading() as session:
        printer = printers.get_printer(session, account_id(), PrinterId(printer_id))
        return _form_page(session, form, printer), 422


@bp.post("/<printer_id>/delete")
@requires(Permission.CHANGE_THINGS)
def delete_printer(printer_id: str) -> ResponseReturnValue:
    with writing() as session:
        printers.delete(session, account_id(), PrinterId(printer_id), actor())
    return done(_("The printer was removed."), "printers.list_printers")


def _form_page(session: Session, form: Form, printer: Any) -> str:
    places = sites.list_sites(session, account_id(), limit=_ALL).items
    own: dict[str, Any] = {"printer_id": printer.id, "limit": _ALL} if printer else {}
    return render_template(
        "printers/form.html",
        form=form,
        printer=printer,
        how=_how(session, [printer])[printer.id] if printer else None,
        able=abilities(printer.profile) if printer else None,
        sites=[(site.id, site.name) for site in places],
        profiles=[(name, name) for name in list_profiles("printers")],
        gateways=[(g.id, g.name) for g in gateways.serving_gateways(session, account_id())],
        terminals=terminals.list_terminals(session, account_id(), **own).items if own else (),
        readers=readers.list_readers(session, account_id(), **own).items if own else (),
    )
