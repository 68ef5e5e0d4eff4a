"""The page an administrator opens every morning, and the one search box."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.cards import service as cards
from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.jobs import service as jobs
from control_plane.jobs.words import state_words
from control_plane.now import service as now
from control_plane.now import words
from control_plane.printers import service as printers
from control_plane.queues import service as queues
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.web.caller import (
    account_id,
    first_page,
    may,
    reading,
    requires,
    shows_titles,
    tenant,
)
from control_plane.web.rendering import fragment
from shared.i18n import gettext

_ = gettext
bp = Blueprint("now", __name__)
_FOUND = 8
_LAST = 4


@bp.get("/")
@requires()
def show() -> ResponseReturnValue:
    """Show how the account is; whoever may not see that goes to the page they may."""
    if tenant().account_id is None or not may(Permission.SEE_JOBS):
        return redirect(first_page(), 303)
    with reading() as session:
        return render_template("now/show.html", now=_page(session))


@bp.get("/now/live")
@requires(Permission.SEE_JOBS)
def live() -> ResponseReturnValue:
    with reading() as session:
        return fragment("now/live.html", now=_page(session))


def _page(session: Session) -> words.Page:
    found = now.look(session, account_id(), utc_now())
    return words.page(found, url_for, show_titles=shows_titles())


@bp.get("/find")
@requires(Permission.SEE_THINGS)
def find() -> ResponseReturnValue:
    text = request.args.get("q", "").strip()
    with reading() as session:
        sections = _find(session, text) if text else []
    return render_template("now/find.html", text=text, sections=[s for s in sections if s["items"]])


def _find(session: Session, text: str) -> list[dict[str, Any]]:
    sections = [
        {"title": _("Printers"), "items": _printers(session, text)},
        {"title": _("Queues"), "items": _queues(session, text)},
        {"title": _("Gateways"), "items": _gateways(session, text)},
    ]
    if may(Permission.SEE_PEOPLE):
        sections.insert(0, {"title": _("People"), "items": _people(session, text)})
        sections.insert(1, {"title": _("Cards"), "items": _cards(session, text)})
    if may(Permission.SEE_JOBS) and shows_titles():
        sections.insert(0, {"title": _("Jobs"), "items": _jobs(session, text)})
    return sections


def _item(title: str, below: str, href: str) -> dict[str, str]:
    return {"title": title, "below": below, "href": href}


def _jobs(session: Session, text: str) -> list[dict[str, str]]:
    page = jobs.list_jobs(session, account_id(), text=text, limit=_FOUND)
    return [
        _item(job.title, state_words(job)[1], url_for("jobs.show_job", job_id=job.id))
        for job in page.items
    ]


def _people(session: Session, text: str) -> list[dict[str, str]]:
    page = users.list_users(session, tenant(), text=text, limit=_FOUND)
    return [
        _item(user.display_name, user.username, url_for("users.show_user", user_id=user.id))
        for user in page.items
    ]


def _cards(session: Session, text: str) -> list[dict[str, str]]:
    if len(text) < _LAST:
        return []
    page = cards.list_cards(session, account_id(), last4=text[-_LAST:], limit=_FOUND)
    owners = users.names(session, tenant(), [card.user_id for card in page.items])
    return [
        _item(
            _("Card ending %(last4)s", last4=card.last4),
            owners.get(card.user_id, ""),
            url_for("users.show_user", user_id=card.user_id),
        )
        for card in page.items
    ]


def _printers(session: Session, text: str) -> list[dict[str, str]]:
    page = printers.list_printers(session, account_id(), text=text, limit=_FOUND)
    return [
        _item(p.name, p.location or p.uri, url_for("printers.show_printer", printer_id=p.id))
        for p in page.items
    ]


def _queues(session: Session, text: str) -> list[dict[str, str]]:
    page = queues.list_queues(session, account_id(), text=text, limit=_FOUND)
    return [_item(q.name, q.path, url_for("queues.show_queue", queue_id=q.id)) for q in page.items]


def _gateways(session: Session, text: str) -> list[dict[str, str]]:
    page = gateways.list_gateways(session, tenant(), text=text, limit=_FOUND)
    return [
        _item(g.name, "", url_for("gateways.show_gateway", gateway_id=g.id)) for g in page.items
    ]
