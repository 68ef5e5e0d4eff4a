"""Places and the gateways in them, on one page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.enrolment import approval
from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.now import service as now
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite, SiteChanges
from control_plane.web.caller import account_id, actor, reading, requires, tenant, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import SiteId

_ = gettext
bp = Blueprint("sites", __name__, url_prefix="/sites")
_ALL = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A site with its gateways; without an id: what stands at no site."""

    id: SiteId | None
    name: str
    networks: Sequence[str]
    printers: int
    gateways: Sequence[words.GatewayView]


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_sites() -> ResponseReturnValue:
    with reading() as session:
        return sites_page(session, Form())


@bp.get("/export.csv")
@requires(Permission.SEE_THINGS)
def export_sites() -> ResponseReturnValue:
    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        rows = [
            (
                place.name,
                ", ".join(place.networks),
                place.printers,
                ", ".join(gateway.name for gateway in place.gateways),
            )
            for place in _places(session, page)
        ]
        return rows, page.next_cursor

    header = [_("Site"), _("Networks"), _("Printers"), _("Gateways")]
    return csv_response("sites", header, every_row(read_some))


@bp.post("")
@requires(Permission.CHANGE_THINGS)
def add_site() -> ResponseReturnValue:
    form = typed("name")
    made = carry_out(
        NewSite, form, lambda session, body: sites.create(session, account_id(), body, actor())
    )
    if made:
        said = _("The site %(name)s was added. Add its gateway next.", name=made.name)
        return done(said, "sites.list_sites")
    with reading() as session:
        return sites_page(session, form), 422


@bp.get("/<site_id>")
@requires(Permission.SEE_THINGS)
def show_site(site_id: str) -> ResponseReturnValue:
    with reading() as session:
        site = sites.get_site(session, account_id(), SiteId(site_id))
        return _site_page(session, site_id, Form(_values(site)))


@bp.post("/<site_id>")
@requires(Permission.CHANGE_THINGS)
def change_site(site_id: str) -> ResponseReturnValue:
    form = typed("name", "networks")
    networks = form.values["networks"].replace(",", " ").split()
    sent = Form({"name": form.values["name"], "networks": networks}, form.errors)
    changed = carry_out(
        SiteChanges,
        sent,
        lambda session, body: sites.update(session, account_id(), SiteId(site_id), body, actor()),
        needs=("name",),
    )
    if changed:
        said = _("Saved. Gateways that are heard follow within seconds.")
        return done(said, "sites.show_site", site_id=site_id)
    with reading() as session:
        return _site_page(session, site_id, form), 422


@bp.post("/<site_id>/delete")
@requires(Permission.CHANGE_THINGS)
def delete_site(site_id: str) -> ResponseReturnValue:
    """Remove a site where nothing stands any more; the page offers it for no other."""
    with writing() as session:
        sites.delete(session, account_id(), SiteId(site_id), actor())
    return done(_("The site was removed."), "sites.list_sites")


def _values(site: Any) -> dict[str, str]:
    return {"name": site.name, "networks": "\n".join(site.networks)}


def _site_page(session: Session, site_id: str, form: Form) -> str:
    site = sites.get_site(session, account_id(), SiteId(site_id))
    standing = _standing(session, gateways.list_at(session, tenant(), [site.id], unplaced=False))
    return render_template(
        "sites/show.html",
        site=site,
        form=form,
        gateways=standing.get(site.id, ()),
        printers=printers.list_printers(session, account_id(), site_id=site.id, limit=_ALL).items,
    )


def sites_page(session: Session, form: Form) -> str:
    page = _page(session, request.args.get("cursor"))
    known = sites.list_sites(session, account_id(), limit=_ALL).items
    return render_template(
        "sites/list.html",
        form=form,
        page=page,
        places=_places(session, page),
        boxes=[
            gateways.get_by_id(session, box.gateway_id)
            for box in approval.list_waiting(session, tenant())
        ],
        site_options=[(site.id, site.name) for site in known],
    )


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return sites.list_sites(session, account_id(), **asked_for(cursor, limit))


def _places(session: Session, page: Page[Any]) -> Sequence[Place]:
    """The sites of a page with what stands there; after the last of all, what stands at none."""
    is_end = page.next_cursor is None and not request.args.get("q")
    ids = [site.id for site in page.items]
    standing = _standing(session, gateways.list_at(session, tenant(), ids, unplaced=is_end))
    printers = now.count_printers(session, account_id())
    places = [
        Place(
            site.id, site.name, site.networks, printers.get(site.id, 0), standing.get(site.id, [])
        )
        for site in page.items
    ]
    if None in standing:
        places.append(Place(None, "", (), printers.get(None, 0), standing[None]))
    return places


def _standing(
    session: Session, found: Sequence[Any]
) -> dict[SiteId | None, list[words.GatewayView]]:
    ids = [gateway.id for gateway in found]
    states, rehearsals = gateways.states(session, ids), commands.rehearsals(session, ids)
    people = now.count_people(session, account_id())
    by_site: dict[SiteId | None, list[words.GatewayView]] = {}
    for gateway in found:
        view = words.view(
            gateway,
            states.get(gateway.id),
            utc_now(),
            people=people,
            is_own=gateway.tenant == str(tenant()),
            rehearses_until=rehearsals.get(gateway.id),
        )
        by_site.setdefault(gateway.site_id, []).append(view)
    return by_site
