from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.audit import words
from control_plane.gateways import service as gateways
from control_plane.paging import Page
from control_plane.printers import service as printers
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.web.caller import reading, requires, tenant
from control_plane.web.tables import csv_response
from shared.i18n import gettext
from shared.ids import GatewayId, PrinterId, UserId

_ = gettext
bp = Blueprint("audit", __name__, url_prefix="/audit")
_EXPORT = 200


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
    with reading() as session:
        rows = _rows(session, _events(session, None, limit=_EXPORT).items)
    header = [_("When"), _("What"), _("Event"), _("Outcome"), _("Where"), _("From")]
    lines = [
        (r["at"], r["sentence"], r["event"], r["outcome"], r["where"], r["source"]) for r in rows
    ]
    return csv_response("audit", header, lines)


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


def _events(session: Session, cursor: str | None, limit: int = 50) -> Page[Any]:
    filters = _filters()
    return audit.list_events(
        session,
        tenant(),
        event=filters["about"] or None,
        outcome=filters["outcome"] or None,
        text=filters["q"] or None,
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
