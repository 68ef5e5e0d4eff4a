"""Places and the gateways in them, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.enrolment import approval
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.now import service as now
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.web.caller import account_id, actor, reading, requires, tenant, writing
from control_plane.web.forms import Form, read
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
    printers: int
    gateways: Sequence[words.GatewayView]


@bp.get("")
@requires(Permission.SEE_THINGS)
def list_sites() -> ResponseReturnValue:
    with reading() as session:
        return sites_page(session, Form())


@bp.post("")
@requires(Permission.CHANGE_THINGS)
def add_site() -> ResponseReturnValue:
    form = Form({"name": request.form.get("name", "").strip()})
    body = read(NewSite, form)
    if body is not None:
        try:
            with writing() as session:
                sites.create(session, account_id(), body, actor())
        except SpoolhouseError as error:
            form.refuse(error, ("name",))
        else:
            flash(_("The site %(name)s was added. Add its gateway next.", name=body.name))
            return redirect(url_for("sites.list_sites"), 303)
    with reading() as session:
        return sites_page(session, form), 422


def sites_page(session: Session, form: Form) -> str:
    known = sites.list_sites(session, account_id(), limit=_ALL).items
    return render_template(
        "sites/list.html",
        form=form,
        places=_places(session, {site.id: site.name for site in known}),
        boxes=[
            gateways.get_by_id(session, box.gateway_id)
            for box in approval.list_waiting(session, tenant())
        ],
        site_options=[(site.id, site.name) for site in known],
    )


def _places(session: Session, names: Mapping[SiteId, str]) -> Sequence[Place]:
    standing = gateways.list_gateways(session, tenant(), limit=_ALL).items
    states = gateways.states(session, [gateway.id for gateway in standing])
    printers = now.count_printers(session, account_id())
    people = now.count_people(session, account_id())
    rehearsals = commands.rehearsals(session, [gateway.id for gateway in standing])
    by_site: dict[SiteId | None, list[words.GatewayView]] = {}
    for gateway in standing:
        view = words.view(
            gateway,
            states.get(gateway.id),
            utc_now(),
            people=people,
            is_own=gateway.tenant == str(tenant()),
            rehearses_until=rehearsals.get(gateway.id),
        )
        by_site.setdefault(gateway.site_id if gateway.site_id in names else None, []).append(view)
    places = [
        Place(site_id, name, printers.get(site_id, 0), by_site.get(site_id, []))
        for site_id, name in names.items()
    ]
    if None in by_site:
        places.append(Place(None, "", printers.get(None, 0), by_site[None]))
    return places
