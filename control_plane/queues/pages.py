from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.queues import service as queues
from control_plane.queues.access import access_of
from control_plane.queues.schemas import NewQueue, OpenTo, QueueChanges
from control_plane.security.permissions import Permission
from control_plane.web.caller import account_id, actor, reading, requires, writing
from control_plane.web.forms import Form, read
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import QueueId

_ = gettext
bp = Blueprint("queues", __name__, url_prefix="/queues")
_NEW = ("name", "path", "type", "printer_id", "identity")
_CHANGE = ("name", "identity")
_ALL = 200


def _identities() -> dict[str, str]:
    return {
        "sign-in": _("people who sign in"),
        "sign-in-over-tls": _("people who sign in over TLS; others by the name they claim"),
        "claimed": _("anybody, by the name they claim"),
    }


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_queues() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor"))
        names = _printer_names(session, page)
    return render_template("queues/list.html", page=page, printers=names, identities=_identities())


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_queues() -> ResponseReturnValue:
    identities, types = _identities(), {"pull": _("pull"), "direct": _("direct")}

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
    return queues.list_queues(
        session,
        account_id(),
        text=request.args.get("q") or None,
        order=request.args.get("order", ""),
        cursor=cursor or None,
        limit=limit,
    )


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
    form = Form({name: request.form.get(name, "").strip() for name in _NEW})
    body = read(NewQueue, form)
    if body is not None:
        try:
            with writing() as session:
                queue = queues.create(session, account_id(), body, actor())
        except SpoolhouseError as error:
            form.refuse(error, _NEW)
        else:
            flash(_("The queue %(name)s was added.", name=queue.name))
            return redirect(url_for("queues.show_queue", queue_id=queue.id), 303)
    with reading() as session:
        return _form_page(session, form, None), 422


@bp.get("/<queue_id>")
@requires(Permission.SEE_THINGS)
def show_queue(queue_id: str) -> ResponseReturnValue:
    with reading() as session:
        queue = queues.get_queue(session, account_id(), QueueId(queue_id))
        return _form_page(session, Form({name: getattr(queue, name) for name in _CHANGE}), queue)


@bp.post("/<queue_id>")
@requires(Permission.CHANGE_THINGS)
def change_queue(queue_id: str) -> ResponseReturnValue:
    form = Form({name: request.form.get(name, "").strip() for name in _CHANGE})
    body = read(QueueChanges, form)
    if body is not None:
        try:
            with writing() as session:
                queues.update(session, account_id(), QueueId(queue_id), body, actor())
        except SpoolhouseError as error:
            form.refuse(error, _CHANGE)
        else:
            flash(_("Saved."))
            return redirect(url_for("queues.show_queue", queue_id=queue_id), 303)
    with reading() as session:
        queue = queues.get_queue(session, account_id(), QueueId(queue_id))
        return _form_page(session, form, queue), 422


@bp.post("/<queue_id>/open-to")
@requires(Permission.CHANGE_THINGS, Permission.SEE_PEOPLE)
def open_queue(queue_id: str) -> ResponseReturnValue:
    form = Form(
        {
            "open_to": request.form.get("open_to", ""),
            "usernames": request.form.get("usernames", "").strip(),
            "group_ids": request.form.getlist("group_ids"),
        }
    )
    body = read(OpenTo, form)
    if body is not None:
        try:
            with writing() as session:
                queues.open_to(session, account_id(), QueueId(queue_id), body, actor())
        except SpoolhouseError as error:
            form.refuse(error, form.values)
        else:
            flash(_("Saved. Gateways that are heard follow within seconds."))
            return redirect(url_for("queues.show_queue", queue_id=queue_id), 303)
    with reading() as session:
        queue = queues.get_queue(session, account_id(), QueueId(queue_id))
        values = Form({name: getattr(queue, name) for name in _CHANGE})
        return _form_page(session, values, queue, opening=form), 422


@bp.post("/<queue_id>/delete")
@requires(Permission.CHANGE_THINGS)
def delete_queue(queue_id: str) -> ResponseReturnValue:
    with writing() as session:
        queues.delete(session, account_id(), QueueId(queue_id), actor())
    flash(_("The queue was removed."))
    return redirect(url_for("queues.list_queues"), 303)


def _form_page(session: Session, form: Form, queue: Any, opening: Form | None = None) -> str:
    access = access_of(session, queue) if queue else None
    known = printers.list_printers(session, account_id(), limit=_ALL).items
    return render_template(
        "queues/form.html",
        form=form,
        queue=queue,
        printers=[(printer.id, printer.name) for printer in known],
        identities=list(_identities().items()),
        addresses=_addresses(session, queue) if queue else (),
        at=next(
            (printer.name for printer in known if queue and printer.id == queue.printer_id), ""
        ),
        access=access,
        opening=opening or (access.form if access else None),
        is_opening=opening is not None,
    )


def _addresses(session: Session, queue: Any) -> list[dict[str, Any]]:
    """Where people print to: one address per gateway that serves the account."""
    short_name = accounts.get_account(session, account_id()).short_name
    served, found = gateways.count_served(session, account_id()), []
    for gateway in gateways.serving_gateways(session, account_id()):
        service = gateway.services.get("ipp") or {}
        if not service.get("enabled", True) or not service.get("port"):
            continue
        path = f"{short_name}/{queue.path}" if served[gateway.id] > 1 else queue.path
        host = service.get("host", "")
        if host in ("0.0.0.0", "::", ""):  # noqa: S104
            host = gateway.trusted_hosts[0] if gateway.trusted_hosts else _("gateway-address")
        uri = f"ipp://{host}:{service['port']}/ipp/print/{path}"
        found.append({"gateway": gateway.name, "uri": uri})
    return found
