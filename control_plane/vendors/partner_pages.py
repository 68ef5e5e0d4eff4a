"""Vendors below this one: who they are, making one, and deleting one that has nothing left."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.opening import open_vendor
from control_plane.domains import service as domains
from control_plane.errors import ConflictError, SpoolhouseError
from control_plane.security.permissions import Permission
from control_plane.vendors import deleting
from control_plane.vendors import service as vendors
from control_plane.vendors.pages import owner_link, read_opening
from control_plane.vendors.schemas import NewVendor
from control_plane.web.caller import actor, reading, requires, vault, vendor_id, writing
from control_plane.web.forms import Form
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


@bp.post("")
@requires(Permission.CHANGE_ACCOUNTS)
def add_vendor() -> ResponseReturnValue:
    """Make a vendor; this answer is the only one that shows its owner's link: no redirect."""
    form = Form({name: request.form.get(name, "").strip() for name in _FIELDS})
    body = read_opening(NewVendor, form)
    if body is not None:
        try:
            with writing() as session:
                made, given = open_vendor(session, vendor_id(), body, actor(), vault=vault())
        except SpoolhouseError as error:
            form.refuse(error, _FIELDS)
        else:
            return render_template(
                "vendor/opened.html", name=made.name, opened=given, link=owner_link(given)
            )
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
    form = Form({"confirm": request.form.get("confirm", "").strip()})
    with reading() as session:
        name = vendors.get_child(session, vendor_id(), VendorId(child_id)).name
    if form.values["confirm"] != name:
        form.errors["confirm"] = _("Type the name %(name)s: this cannot be undone.", name=name)
        with reading() as session:
            return _vendor_page(session, child_id, form), 422
    try:
        with writing() as session:
            deleting.delete(session, vendor_id(), VendorId(child_id), actor())
    except ConflictError as error:
        form.refuse(error, ())
        with reading() as session:
            return _vendor_page(session, child_id, form), 409
    flash(_("%(name)s was deleted.", name=name))
    return redirect(url_for("partners.list_vendors"), 303)


def _list_page(session: Session, form: Form) -> str:
    page = vendors.list_children(
        session,
        vendor_id(),
        text=request.args.get("q") or None,
        order=request.args.get("order", ""),
        cursor=request.args.get("cursor") or None,
    )
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
