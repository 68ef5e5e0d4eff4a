"""Card readers: how each is, and what a tap on it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.gateways import things
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.readers import service as readers
from control_plane.readers import words
from control_plane.readers.schemas import NewReader, ReaderChanges
from control_plane.security.permissions import Permission
from control_plane.web.caller import account_id, actor, reading, requires, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from control_plane.web.lists import asked_for
from control_plane.web.rendering import fragment
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import PrinterId, ReaderId
from shared.profiles import list_profiles

_ = gettext
bp = Blueprint("readers", __name__, url_prefix="/readers")
_FIELDS: Final = (
    "name", "printer_id", "gateway_id", "mode", "role", "address", "port", "profile",
)  # fmt: skip
_NEW: Final = {"mode": "print-all", "role": "client", "profile": "generic/tcp-line"}
_ALL: Final = 200


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_readers() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor"))
        rows = _lines(session, page.items)
    if request.args.get("fragment") == "rows":
        return fragment("readers/rows.html", page=page, rows=rows)
    return render_template("readers/list.html", page=page, rows=rows)


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_readers() -> ResponseReturnValue:
    names = ("name", "printer", "gateway", "mode", "role", "where", "state")

    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        rows = _lines(session, page.items)
        return [[getattr(row, name) for name in names] for row in rows], page.next_cursor

    header = [
        _("Card reader"), _("Printer"), _("Gateway"), _("On a tap"), _("Who calls"), _("Address"),
        _("State"),
    ]  # fmt: skip
    return csv_response("readers", header, every_row(read_some))


@bp.get("/new")
@requires(Permission.CHANGE_THINGS)
def new_reader() -> ResponseReturnValue:
    with reading() as session:
        values = {**_NEW, "printer_id": request.args.get("printer", "")}
        serving = gateways.serving_gateways(session, account_id())
        if len(serving) == 1:
            values["gateway_id"] = serving[0].id
        return _form_page(session, Form(values), None)


@bp.post("/new")
@requires(Permission.CHANGE_THINGS)
def add_reader() -> ResponseReturnValue:
    form = typed(*_FIELDS)
    made = carry_out(
        NewReader, form, lambda session, body: readers.create(session, account_id(), body, actor())
    )
    if made:
        said = _("%(name)s was added. Its gateway takes it up within seconds.", name=made.name)
        return done(said, "readers.show_reader", reader_id=made.id)
    with reading() as session:
        return _form_page(session, form, None), 422


@bp.get("/<reader_id>")
@requires(Permission.SEE_THINGS)
def show_reader(reader_id: str) -> ResponseReturnValue:
    with reading() as session:
        reader = readers.get_reader(session, account_id(), ReaderId(reader_id))
        if request.args.get("fragment") == "state":
            return fragment("readers/state.html", **_state(session, reader))
        return _form_page(session, Form({n: str(getattr(reader, n)) for n in _FIELDS}), reader)


@bp.post("/<reader_id>")
@requires(Permission.CHANGE_THINGS)
def change_reader(reader_id: str) -> ResponseReturnValue:
    form = typed(*_FIELDS)
    wanted = ReaderId(reader_id)
    changed = carry_out(
        ReaderChanges,
        form,
        lambda session, body: readers.update(session, account_id(), wanted, body, actor()),
        needs=_FIELDS,
    )
    if changed:
        return done(_("Saved."), "readers.show_reader", reader_id=reader_id)
    with reading() as session:
        return _form_page(session, form, readers.get_reader(session, account_id(), wanted)), 422


@bp.post("/<reader_id>/delete")
@requires(Permission.CHANGE_THINGS)
def delete_reader(reader_id: str) -> ResponseReturnValue:
    with writing() as session:
        readers.delete(session, account_id(), ReaderId(reader_id), actor())
    said = _("The card reader was removed. Taps on it do nothing from now on.")
    return done(said, "readers.list_readers")


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return readers.list_readers(session, account_id(), **asked_for(cursor, limit))


def _lines(session: Session, found: Sequence[Any]) -> list[words.ReaderLine]:
    now = utc_now()
    names = printers.names(session, account_id(), [reader.printer_id for reader in found])
    names |= gateways.names(session, account_id(), [reader.gateway_id for reader in found])
    states = things.states(session, account_id(), "readers", now)
    return [words.line(reader, names, states.get(reader.id), now) for reader in found]


def _state(session: Session, reader: Any) -> dict[str, Any]:
    return {"reader": reader, "line": _lines(session, [reader])[0]}


def _form_page(session: Session, form: Form, reader: Any) -> str:
    known = printers.list_printers(session, account_id(), limit=_ALL).items
    serving = gateways.serving_gateways(session, account_id())
    printer_id = PrinterId(form.values.get("printer_id", ""))
    if printer_id and printer_id not in {printer.id for printer in known}:
        named = printers.names(session, account_id(), [printer_id])
    else:
        named = {}
    return render_template(
        "readers/form.html",
        form=form,
        reader=reader,
        printers=[*named.items(), *((printer.id, printer.name) for printer in known)],
        gateways=[(gateway.id, gateway.name) for gateway in serving],
        modes=[(value, _(text)) for value, text in words.MODES.items()],
        roles=[(value, _(text)) for value, text in words.ROLES.items()],
        profiles=[(name, name) for name in list_profiles("card_readers")],
        line=_state(session, reader)["line"] if reader else None,
    )
