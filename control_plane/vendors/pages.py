"""A vendor's page: the accounts it looks after."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.database import utc_now
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.grants import service as grants
from control_plane.security.permissions import Permission
from control_plane.web.caller import actor, reading, requires, user_id, vault, vendor_id, writing
from control_plane.web.forms import Form, read
from shared.i18n import gettext

_ = gettext
bp = Blueprint("vendor", __name__, url_prefix="/accounts")
_FIELDS = ("name", "short_name", "language", "time_zone")


@bp.get("")
@requires(Permission.SEE_ACCOUNTS)
def list_accounts() -> ResponseReturnValue:
    with reading() as session:
        page = accounts.list_accounts(
            session,
            vendor_id(),
            text=request.args.get("q") or None,
            cursor=request.args.get("cursor") or None,
        )
        ids = [account.id for account in page.items]
        licences = accounts.licences(session, ids)
        serving = gateways.count_serving(session, ids)
        opened = grants.open_accounts(session, vendor_id(), user_id(), utc_now())
    return render_template(
        "vendor/accounts.html", page=page, licences=licences, gateways=serving, opened=opened
    )


@bp.get("/new")
@requires(Permission.CHANGE_ACCOUNTS)
def new_account() -> ResponseReturnValue:
    return render_template("vendor/new.html", form=Form({"language": "en", "time_zone": "UTC"}))


@bp.post("/new")
@requires(Permission.CHANGE_ACCOUNTS)
def add_account() -> ResponseReturnValue:
    form = Form({name: request.form.get(name, "").strip() for name in _FIELDS})
    body = read(NewAccount, form)
    if body is not None:
        try:
            with writing() as session:
                accounts.create(session, vendor_id(), body, actor(), vault=vault())
        except SpoolhouseError as error:
            form.refuse(error, _FIELDS)
        else:
            flash(_("%(name)s was added, with a trial licence of 30 days.", name=body.name))
            return redirect(url_for("vendor.list_accounts"), 303)
    return render_template("vendor/new.html", form=form), 422
