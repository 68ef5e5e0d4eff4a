"""A vendor's page: the accounts it looks after."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.accounts import service as accounts
from control_plane.accounts.opening import Opened, open_account
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
_FIELDS = ("name", "short_name", "language", "time_zone", "domain")


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
    """Make an account; this answer is the only one that shows its owner's link: no redirect."""
    typed = {name: request.form.get(name, "").strip() for name in (*_FIELDS, "owner")}
    form = Form(typed)
    body = _read_account(form)
    if body is not None:
        try:
            with writing() as session:
                opened = open_account(session, vendor_id(), body, actor(), vault=vault())
        except SpoolhouseError as error:
            # The domain of an account has "name" for its field, as the account itself.
            is_of_domain = "domain" in error.text
            form.refuse(error, _FIELDS)
            if is_of_domain and "name" in form.errors:
                form.errors["domain"] = form.errors.pop("name")
        else:
            return render_template("vendor/opened.html", opened=opened, link=_link(opened))
    return render_template("vendor/new.html", form=form), 422


def _read_account(form: Form) -> NewAccount | None:
    owner = form.values["owner"]
    inner = Form({**form.values, "owner": {"username": owner} if owner else ""})
    body = read(NewAccount, inner)
    form.errors = inner.errors
    if owner and not form.values["domain"]:
        form.errors.setdefault("domain", _("The owner needs an address to sign in at."))
    return None if form.errors else body


def _link(opened: Opened) -> str:
    """Where the owner chooses a password: at the account's own address, on our port."""
    if opened.link is None or opened.domain is None:
        return ""
    colon, port = (":", request.host.rpartition(":")[2]) if ":" in request.host else ("", "")
    path = url_for("recovery.show", token=opened.link)
    return f"https://{opened.domain.name}{colon}{port}{path}"
