"""Vendors below this one: who they are, making one, and deleting one that has nothing left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.opening import open_vendor
from control_plane.domains import service as domains
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.security.permissions import Permission
from control_plane.vendors import deleting
from control_plane.vendors import service as vendors
from control_plane.vendors.pages import owner_link, read_opening
from control_plane.vendors.schemas import NewVendor
from control_plane.web.caller import actor, reading, requires, vault, vendor_id
from control_plane.web.changing import attempt, confirmed, done, typed
from control_plane.web.forms import Form
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext
from shared.ids import VendorId

_ = gettext
bp = Blueprint("partners", __name__, url_prefix="/vendors")
_FIELDS = ("name", "domain", "owner")


@bp.get("")
@requires(Permission.SEE_ACCOUNTS)
def list_vendors() -> ResponseReturnValue:
    with reading() as session:
        return _list_page(session, Form())


@bp.get("/export.csv")
@requires(Permission.SEE_ACCOUNTS)
def export_vendors() -> ResponseReturnValue:
    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _some(session, cursor, EXPORT_LIMIT)
        counts = accounts.count_of_vendors(session, [vendor.id for vendor in page.items])
        return [(v.name, counts.get(v.id, 0), v.created_at) for v in page.items], page.next_cursor

    header = [_("Vendor"), _("Accounts"), _("Since")]
    return csv_response("vendors", header, every_row(read_some))


@bp.post("")
@requires(Permission.CHANGE_ACCOUNTS)
def add_vendor() -> ResponseReturnValue:
    """Make a vendor; this answer is the only one that shows its owner's link: no redirect."""
    form = typed(*_FIELDS)
    body = read_opening(NewVendor, form)
    if body is not None:
        opened = attempt(
            form, lambda session: open_vendor(session, vendor_id(), body, actor(), vault=vault())
        )
        if opened:
            made, given = opened
            link = owner_link(given)
            return render_template("vendor/opened.html", name=made.name, opened=given, link=link)
    with reading() as session:
        return _list_page(session, form), 422


@bp.get("/<child_id>")
@requires(Permission.SEE_ACCOUNTS)
def show_vendor(child_id: str) -> ResponseReturnValue:
    with reading() as session:
        return _vendor_page(session, child_id, Form())


@bp.post("/<child_id>/delete")
@requires(Permission.CLOSE_ACCOUNTS)
def delete_vendor(child_id: str) -> ResponseReturnValue:
    form = typed("confirm")
    with reading() as session:
        name = vendors.get_child(session, vendor_id(), VendorId(child_id)).name
        if not confirmed(form, name):
            return _vendor_page(session, child_id, form), 422
    attempt(
        form, lambda session: deleting.delete(session, vendor_id(), VendorId(child_id), actor())
    )
    if not form.errors:
        return done(_("%(name)s was deleted.", name=name), "partners.list_vendors")
    with reading() as session:
        return _vendor_page(session, child_id, form), 409


def _some(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return vendors.list_children(session, vendor_id(), **asked_for(cursor, limit))


def _list_page(session: Session, form: Form) -> str:
    page = _some(session, request.args.get("cursor"))
    counts = accounts.count_of_vendors(session, [vendor.id for vendor in page.items])
    return render_template("vendor/partners.html", page=page, form=form, counts=counts)


def _vendor_page(session: Session, child_id: str, form: Form) -> str:
    vendor = vendors.get_child(session, vendor_id(), VendorId(child_id))
    return render_template(
        "vendor/partner.html",
        vendor=vendor,
        form=form,
        domains=domains.list_domains(session, tenants.vendor(vendor.id)),
        accounts=accounts.count_of_vendor(session, vendor.id),
        in_the_way=deleting.in_the_way(session, vendor),
    )
