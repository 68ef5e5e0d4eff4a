"""A vendor's page: the accounts it looks after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.accounts.opening import Furnished, open_account
from control_plane.accounts.schemas import NewAccount
from control_plane.database import utc_now
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.grants import service as grants
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.security.permissions import Permission
from control_plane.vendors.schemas import NewVendor
from control_plane.web.caller import actor, reading, requires, user_id, vault, vendor_id, writing
from control_plane.web.forms import Form, read
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext

_ = gettext
bp = Blueprint("vendor", __name__, url_prefix="/accounts")
B = TypeVar("B", NewAccount, NewVendor)
_FIELDS = ("name", "short_name", "language", "time_zone", "domain")


@bp.get("")
@requires(Permission.SEE_ACCOUNTS)
def list_accounts() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor"))
        ids = [account.id for account in page.items]
        licences = accounts.licences(session, ids)
        serving = gateways.count_serving(session, ids)
        opened = grants.open_accounts(session, vendor_id(), user_id(), utc_now())
    return render_template(
        "vendor/accounts.html", page=page, licences=licences, gateways=serving, opened=opened
    )


@bp.get("/export.csv")
@requires(Permission.SEE_ACCOUNTS)
def export_accounts() -> ResponseReturnValue:
    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        ids = [account.id for account in page.items]
        licences = accounts.licences(session, ids)
        serving = gateways.count_serving(session, ids)
        rows = [
            (
                a.name, a.short_name, serving.get(a.id, 0), licences[a.id].devices,
                licences[a.id].expires_at, a.created_at, a.closed_at,
            )
            for a in page.items
        ]  # fmt: skip
        return rows, page.next_cursor

    header = [
        _("Account"), _("Short name"), _("Gateways"), _("Devices"), _("Licence until"),
        _("Since"), _("Closed since"),
    ]  # fmt: skip
    return csv_response("accounts", header, every_row(read_some))


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return accounts.list_accounts(session, vendor_id(), **asked_for(cursor, limit))


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
    body = read_opening(NewAccount, form)
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
            return render_template(
                "vendor/opened.html",
                name=opened.account.name,
                opened=opened,
                link=owner_link(opened),
                is_account=True,
            )
    return render_template("vendor/new.html", form=form), 422


def read_opening(kind: type[B], form: Form) -> B | None:
    """Read what a new account or vendor is given; its owner is typed as a user name alone."""
    owner = form.values["owner"]
    inner = Form({**form.values, "owner": {"username": owner} if owner else ""})
    body = read(kind, inner)
    form.errors = inner.errors
    if owner and not form.values["domain"]:
        form.errors.setdefault("domain", _("The owner needs an address to sign in at."))
    return None if form.errors else body


def owner_link(opened: Furnished) -> str:
    """Where the owner chooses a password: at the new tenant's own address, on our port."""
    if opened.link is None or opened.domain is None:
        return ""
    colon, port = (":", request.host.rpartition(":")[2]) if ":" in request.host else ("", "")
    path = url_for("recovery.show", token=opened.link)
    return f"https://{opened.domain.name}{colon}{port}{path}"
