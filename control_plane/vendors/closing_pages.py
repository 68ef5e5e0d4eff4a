"""Forms on a vendor's page of one account that close it, open it again, or erase it for good."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from control_plane.accounts import closing
from control_plane.accounts.schemas import CloseAccount, DeleteAccount
from control_plane.security.permissions import Permission
from control_plane.vendors.account_pages import account_page
from control_plane.web.caller import actor, reading, requires, vendor_id
from control_plane.web.changing import attempt, carry_out, done, typed
from control_plane.web.forms import Form
from shared.i18n import gettext
from shared.ids import AccountId

_ = gettext
bp = Blueprint("closing", __name__, url_prefix="/customers")


@bp.post("/<below_id>/close")
@requires(Permission.CLOSE_ACCOUNTS)
def close_account(below_id: str) -> ResponseReturnValue:
    form = typed("keep_days")
    if not form.values["keep_days"]:
        form.errors["keep_days"] = _("Please fill this in.")
    closed = carry_out(
        CloseAccount,
        form,
        lambda session, body: closing.close(
            session, vendor_id(), AccountId(below_id), body, actor()
        ),
    )
    if closed:
        return _back(below_id, _("%(name)s is closed. It can be opened again.", name=closed.name))
    return _refused(below_id, form)


@bp.post("/<below_id>/reopen")
@requires(Permission.CLOSE_ACCOUNTS)
def reopen_account(below_id: str) -> ResponseReturnValue:
    form = Form()
    account = attempt(
        form, lambda session: closing.reopen(session, vendor_id(), AccountId(below_id), actor())
    )
    if account:
        return _back(below_id, _("%(name)s is open again, as it was.", name=account.name))
    return _refused(below_id, form)


@bp.post("/<below_id>/delete")
@requires(Permission.CLOSE_ACCOUNTS)
def delete_account(below_id: str) -> ResponseReturnValue:
    form = typed("confirm", without_waiting="without_waiting" in request.form)
    carry_out(
        DeleteAccount,
        form,
        lambda session, body: closing.delete(
            session, vendor_id(), AccountId(below_id), body, actor()
        ),
    )
    if not form.errors:
        return _back(below_id, _("The deletion has begun. It ends by itself."))
    return _refused(below_id, form)


def _back(below_id: str, said: str) -> ResponseReturnValue:
    return done(said, "customers.show_account", below_id=below_id)


def _refused(below_id: str, form: Form) -> ResponseReturnValue:
    """Show it again; what stands beside no field contradicts how the account is."""
    with reading() as session:
        return account_page(session, below_id, closing_form=form), 409 if "" in form.errors else 422
