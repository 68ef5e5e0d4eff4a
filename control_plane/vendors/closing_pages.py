"""Forms on a vendor's page of one account that close it, open it again, or erase it for good."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.accounts import closing
from control_plane.accounts.schemas import CloseAccount, DeleteAccount
from control_plane.errors import ConflictError, SpoolhouseError
from control_plane.security.permissions import Permission
from control_plane.vendors.account_pages import account_page
from control_plane.web.caller import actor, reading, requires, vendor_id, writing
from control_plane.web.forms import Form, read
from shared.i18n import gettext
from shared.ids import AccountId

_ = gettext
bp = Blueprint("closing", __name__, url_prefix="/customers")


@bp.post("/<below_id>/close")
@requires(Permission.CLOSE_ACCOUNTS)
def close_account(below_id: str) -> ResponseReturnValue:
    form = Form({"keep_days": request.form.get("keep_days", "").strip()})
    body = read(CloseAccount, form)
    if not form.values["keep_days"]:
        form.errors["keep_days"] = _("Please fill this in.")
    if body is None or form.errors:
        return _again(below_id, form), 422
    try:
        with writing() as session:
            account = closing.close(session, vendor_id(), AccountId(below_id), body, actor())
    except ConflictError as error:
        return _refused(below_id, form, error)
    flash(_("%(name)s is closed. It can be opened again.", name=account.name))
    return _back(below_id)


@bp.post("/<below_id>/reopen")
@requires(Permission.CLOSE_ACCOUNTS)
def reopen_account(below_id: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            account = closing.reopen(session, vendor_id(), AccountId(below_id), actor())
    except ConflictError as error:
        return _refused(below_id, Form(), error)
    flash(_("%(name)s is open again, as it was.", name=account.name))
    return _back(below_id)


@bp.post("/<below_id>/delete")
@requires(Permission.CLOSE_ACCOUNTS)
def delete_account(below_id: str) -> ResponseReturnValue:
    form = Form(
        {
            "confirm": request.form.get("confirm", "").strip(),
            "without_waiting": "without_waiting" in request.form,
        }
    )
    body = read(DeleteAccount, form)
    if body is None:
        return _again(below_id, form), 422
    try:
        with writing() as session:
            closing.delete(session, vendor_id(), AccountId(below_id), body, actor())
    except SpoolhouseError as error:
        return _refused(below_id, form, error)
    flash(_("The deletion has begun. It ends by itself."))
    return _back(below_id)


def _back(below_id: str) -> ResponseReturnValue:
    return redirect(url_for("customers.show_account", below_id=below_id), 303)


def _refused(below_id: str, form: Form, error: SpoolhouseError) -> ResponseReturnValue:
    form.refuse(error, ("confirm",))
    return _again(below_id, form), 422 if "confirm" in form.errors else 409


def _again(below_id: str, form: Form) -> str:
    with reading() as session:
        return account_page(session, below_id, closing_form=form)
