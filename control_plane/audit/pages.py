from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit import words
from control_plane.gateways import service as gateways
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.web.caller import reading, requires, tenant
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import GatewayId, PrinterId, UserId

_ = gettext
bp = Blueprint("audit", __name__, url_prefix="/audit")


@bp.get("")
@requires(Permission.SEE_AUDIT)
def list_events() -> ResponseReturnValue:
    with reading() as session:
        page = _events(session, request.args.get("cursor") or None)
        return render_template(
            "audit/list.html",
            page=page,
            rows=_rows(session, page.items),
            filters=_filters(),
            subjects=_subjects(),
        )


@bp.get("/export.csv")
@requires(Permission.SEE_AUDIT)
def export_events() -> ResponseReturnValue:
    names = ("at", "sentence", "event", "outcome", "where", "source")

    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _events(session, cursor, EXPORT_LIMIT)
        rows = _rows(session, page.items)
        return [[row[name] for name in names] for row in rows], page.next_cursor

    header = [_("When"), _("What"), _("Event"), _("Outcome"), _("Where"), _("From")]
    return csv_response("audit", header, every_row(read_some))


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in ("q", "about", "outcome")}


def _subjects() -> list[tuple[str, str]]:
    return [
        ("sign-in", _("Sign-ins")),
        ("card.", _("Cards")),
        ("user.", _("People")),
        ("ipp.", _("Print clients")),
        ("printer.", _("Printers")),
        ("queue.", _("Queues")),
        ("gateway.", _("Gateways")),
        ("terminal.", _("Terminals")),
        ("reader.", _("Card readers")),
    ]


def _events(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    filters = _filters()
    return audit.list_events(
        session,
        tenant(),
        event=filters["about"] or None,
        outcome=filters["outcome"] or None,
        text=filters["q"] or None,
        order=request.args.get("order", ""),
        cursor=cursor,
        limit=limit,
    )


def _rows(session: Session, events: Sequence[Any]) -> list[dict[str, Any]]:
    names = _names(session, events)
    return [
        {
            "at": event.at,
            "sentence": words.sentence(event, names),
            "event": event.event,
            "outcome": event.outcome,
            "source": event.source,
            "where": names.get(event.detail.get("printer_id", ""))
            or (names.get(event.actor_id or "", "") if event.actor_kind == "gateway" else ""),
        }
        for event in events
    ]


def _names(session: Session, events: Sequence[Any]) -> dict[str, str]:
    owner = tenant().account_id
    people: dict[str, str] = {
        **users.names(session, tenant(), [UserId(found) for found in words.people(events)])
    }
    if owner is None:
        return people
    at = {PrinterId(e.detail["printer_id"]) for e in events if e.detail.get("printer_id")}
    by = {GatewayId(e.actor_id) for e in events if e.actor_kind == "gateway" and e.actor_id}
    return {
        **people,
        **printers.names(session, owner, list(at)),
        **gateways.names(session, owner, list(by)),
    }
