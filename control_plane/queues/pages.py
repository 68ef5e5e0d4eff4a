from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.queues import service as queues
from control_plane.queues import words
from control_plane.queues.access import access_of
from control_plane.queues.schemas import NewQueue, OpenTo, QueueChanges
from control_plane.security.permissions import Permission
from control_plane.web.caller import account_id, actor, reading, requires, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import QueueId
from shared.messages.records import QueueType

_ = gettext
bp = Blueprint("queues", __name__, url_prefix="/queues")
_NEW = ("name", "path", "type", "printer_id", "identity")
_MORE = ("raw_port", "retention_seconds", *words.DEFAULTS)
_ALL = 200


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_queues() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor"))
        names = _printer_names(session, page)
    return render_template(
        "queues/list.html", page=page, printers=names, identities=words.identities()
    )


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_queues() -> ResponseReturnValue:
    identities, types = words.identities(), {"pull": _("pull"), "direct": _("direct")}

    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        names = _printer_names(session, page)
        rows = [
            (q.name, types[q.type], names.get(q.printer_id or ""), identities[q.identity], q.path)
            for q in page.items
        ]
        return rows, page.next_cursor

    header = [_("Queue"), _("Type"), _("Printer"), _("Who may send"), _("Path at the gateway")]
    return csv_response("queues", header, every_row(read_some))


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return queues.list_queues(session, account_id(), **asked_for(cursor, limit))


def _printer_names(session: Session, page: Page[Any]) -> dict[str, str]:
    wanted = [queue.printer_id for queue in page.items if queue.printer_id]
    return printers.names(session, account_id(), wanted)


@bp.get("/new")
@requires(Permission.CHANGE_THINGS)
def new_queue() -> ResponseReturnValue:
    with reading() as session:
        return _form_page(session, Form({"type": "pull", "identity": "sign-in"}), None)


@bp.post("/new")
@requires(Permission.CHANGE_THINGS)
def add_queue() -> ResponseReturnValue:
    form = typed(*_NEW)
    queue = carry_out(
        NewQueue, form, lambda session, body: queues.create(session, account_id(), body, actor())
    )
    if queue:
        said = _("The queue %(name)s was added.", name=queue.name)
        return done(said, "queues.show_queue", queue_id=queue.id)
    with reading() as session:
        return _form_page(session, form, None), 422


@bp.get("/<queue_id>")
@requires(Permission.SEE_THINGS)
def show_queue(queue_id: str) -> ResponseReturnValue:
    with reading() as session:
        queue = queues.get_queue(session, account_id(), QueueId(queue_id))
        return _form_page(session, Form(_values(queue)), queue)


@bp.post("/<queue_id>")
@requires(Permission.CHANGE_THINGS)
def change_queue(queue_id: str) -> ResponseReturnValue:
    keeps = "keep_after_printing" in request.form
    form = typed("name", "printer_id", "identity", *_MORE, keep_after_printing=keeps)
    with reading() as session:
        queue = queues.get_queue(session, account_id(), QueueId(queue_id))
    sent = Form(_wishes(form, queue), form.errors)
    changed = carry_out(
        QueueChanges,
        sent,
        lambda session, body: queues.update(session, account_id(), queue.id, body, actor()),
        needs=("name", "identity"),
    )
    if changed:
        said = _("Saved. Gateways that are heard follow within seconds.")
        return done(said, "queues.show_queue", queue_id=queue_id)
    with reading() as session:
        return _form_page(session, form, queue), 422


def _values(queue: Any) -> dict[str, Any]:
    return {
        "name": queue.name,
        "printer_id": queue.printer_id or "",
        "identity": queue.identity,
        "raw_port": str(queue.raw_port or ""),
        "retention_seconds": str(queue.retention_seconds or ""),
        "keep_after_printing": queue.keep_after_printing,
        **{name: str(queue.ticket_defaults.get(name, "")) for name in words.DEFAULTS},
    }


def _wishes(form: Form, queue: Any) -> dict[str, Any]:
    """What the form asks for: an emptied field is a wish, too; other defaults stay as they are."""
    values = dict(form.values)
    chosen = {name: values.pop(name) for name in words.DEFAULTS}
    kept = {name: value for name, value in queue.ticket_defaults.items() if name not in chosen}
    for name in ("raw_port", "retention_seconds"):
        values[name] = values[name] or None
    if queue.type != QueueType.DIRECT.value:
        del values["printer_id"]
    return {
        **values,
        "ticket_defaults": {**kept, **{name: value for name, value in chosen.items() if value}},
    }


@bp.post("/<queue_id>/open-to")
@requires(Permission.CHANGE_THINGS, Permission.SEE_PEOPLE)
def open_queue(queue_id: str) -> ResponseReturnValue:
    form = typed("open_to", "usernames", group_ids=request.form.getlist("group_ids"))
    changed = carry_out(
        OpenTo,
        form,
        lambda session, body: queues.open_to(
            session, account_id(), QueueId(queue_id), body, actor()
        ),
    )
    if changed:
        said = _("Saved. Gateways that are heard follow within seconds.")
        return done(said, "queues.show_queue", queue_id=queue_id)
    with reading() as session:
        queue = queues.get_queue(session, account_id(), QueueId(queue_id))
        return _form_page(session, Form(_values(queue)), queue, opening=form), 422


@bp.post("/<queue_id>/delete")
@requires(Permission.CHANGE_THINGS)
def delete_queue(queue_id: str) -> ResponseReturnValue:
    with writing() as session:
        queues.delete(session, account_id(), QueueId(queue_id), actor())
    return done(_("The queue was removed."), "queues.list_queues")


def _form_page(session: Session, form: Form, queue: Any, opening: Form | None = None) -> str:
    access = access_of(session, queue) if queue else None
    known = printers.list_printers(session, account_id(), limit=_ALL).items
    return render_template(
        "queues/form.html",
        form=form,
        queue=queue,
        printers=[(printer.id, printer.name) for printer in known],
        identities=list(words.identities().items()),
        retentions=words.retentions(str(form.values.get("retention_seconds") or "")),
        defaults=words.default_choices(),
        addresses=list(words.addresses(session, queue)) if queue else (),
        at=next(
            (printer.name for printer in known if queue and printer.id == queue.printer_id), ""
        ),
        access=access,
        opening=opening or (access.form if access else None),
        is_opening=opening is not None,
    )
