"""Settings of a vendor: what is true for the vendor itself."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from control_plane.security.permissions import Permission
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import VendorChanges
from control_plane.web.caller import actor, reading, requires, tenant, vendor_id
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from shared.i18n import gettext

_ = gettext
bp = Blueprint("vendor_settings", __name__, url_prefix="/vendor-settings")


@bp.get("")
@requires(Permission.SEE_SETTINGS)
def show() -> ResponseReturnValue:
    """Show them; an account has settings of its own."""
    if tenant().account_id:
        return redirect(url_for("settings.show"), 303)
    with reading() as session:
        vendor = vendors.get_vendor(session, vendor_id())
    return render_template("vendor/settings.html", vendor=vendor, form=Form({"name": vendor.name}))


@bp.post("")
@requires(Permission.CHANGE_SETTINGS)
def change() -> ResponseReturnValue:
    form = typed("name")
    changed = carry_out(
        VendorChanges,
        form,
        lambda session, body: vendors.update(session, vendor_id(), body, actor()),
        needs=("name",),
    )
    if changed:
        return done(_("Saved."), "vendor_settings.show")
    with reading() as session:
        vendor = vendors.get_vendor(session, vendor_id())
    return render_template("vendor/settings.html", vendor=vendor, form=form), 422
