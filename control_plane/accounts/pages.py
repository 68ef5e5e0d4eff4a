"""Settings of an account."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import AccountChanges
from control_plane.database import utc_now
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.security.permissions import Permission
from control_plane.web.caller import (
    account_id,
    actor,
    permissions,
    reading,
    requires,
    vault,
    writing,
)
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form, read
from shared.i18n import format_duration, gettext
from shared.messages.records import UnknownCards

_ = gettext
bp = Blueprint("settings", __name__, url_prefix="/settings")
_TEXTS: Final = (
    "name", "language", "time_zone", "retention_seconds", "offline_limit_seconds", "unknown_cards",
)  # fmt: skip
_NEEDED: Final = ("name", "time_zone")
_SWITCHES: Final = (
    "card_needs_pin",
    "claimed_allowed",
    "titles_visible_to_vendor",
    "gateways_need_approval",
)
_LOOK: Final = (Permission.SEE_THINGS, Permission.SEE_JOBS, Permission.SEE_PEOPLE)
_HOURS: Final = (1, 4, 8, 24, 72, 168)
_DAYS_ALONE: Final = (1, 3, 7, 14, 30, 90)
_A_PLACE: Final = re.compile(
    r"(Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/|UTC$"
)
_NO_LIMIT: Final[Mapping[str, None]] = {"offline_limit_seconds": None}


@bp.get("")
@requires(Permission.SEE_SETTINGS)
def show() -> ResponseReturnValue:
    with reading() as session:
        account = accounts.get_account(session, account_id())
        values = {name: getattr(account, name) for name in (*_TEXTS, *_SWITCHES)}
        values["retention_seconds"] = str(values["retention_seconds"])
        values["offline_limit_seconds"] = str(values["offline_limit_seconds"] or "")
        return _page(session, Form(values))


@bp.post("")
@requires(Permission.CHANGE_SETTINGS)
def change() -> ResponseReturnValue:
    form = typed(*_TEXTS, **{name: name in request.form for name in _SWITCHES})
    if carry_out(AccountChanges, form, _update, needs=_NEEDED):
        return done(_("Saved. Gateways that are heard follow within seconds."), "settings.show")
    with reading() as session:
        return _page(session, form), 422


def _update(session: Session, body: AccountChanges) -> Any:
    if not request.form.get("offline_limit_seconds", "").strip():  # No limit is a wish, too.
        body = AccountChanges(**{**body.model_dump(exclude_unset=True), **_NO_LIMIT})
    return accounts.update(session, account_id(), body, actor(), vault=vault())


@bp.post("/grants")
@requires(Permission.CHANGE_SETTINGS)
def let_in() -> ResponseReturnValue:
    """Let the vendor's staff see how things are, and change nothing."""
    form = typed("reason", "hours", permissions=[permission.value for permission in _LOOK])
    body = read(NewGrant, form)
    if body is None:
        flash(_("Say why, and for how long."), "error")
    else:
        with writing() as session:
            grants.create(session, account_id(), body, actor(), may=permissions())
        flash(_("Your vendor may look in. You can end that here at any time."))
    return redirect(url_for("settings.show"), 303)


@bp.post("/grants/<grant_id>/revoke")
@requires(Permission.CHANGE_SETTINGS)
def send_out(grant_id: str) -> ResponseReturnValue:
    with writing() as session:
        grants.revoke(session, account_id(), grant_id, actor())
    return done(_("Your vendor no longer looks in."), "settings.show")


def _page(session: Session, form: Form) -> str:
    shown: Mapping[str, Any] = {
        "licence": accounts.licence(session, account_id()),
        "grants": [
            grant
            for grant in grants.list_grants(session, account_id())
            if grant.revoked_at is None and grant.expires_at > utc_now()
        ],
        "looks": [(str(hours), format_duration(hours * 3600)) for hours in (1, 8, 24, 168)],
        "limits": _limits(form),
        "zones": _zones(),
        "unknown": [
            (UnknownCards.REFUSE.value, _("Refuse it")),
            (UnknownCards.ENROL.value, _("Whoever signs in beside it has it from then on")),
        ],
        "keeps": [(str(hours * 3600), format_duration(hours * 3600)) for hours in _HOURS],
    }
    return render_template("accounts/settings.html", form=form, **shown)


def _zones() -> list[str]:
    """The time zones by their places, for whoever types one."""
    return sorted(name for name in zoneinfo.available_timezones() if _A_PLACE.match(name))


def _limits(form: Form) -> list[tuple[str, str]]:
    """The usual limits, and the one that is set, however odd."""
    usual = {str(days * 86_400) for days in _DAYS_ALONE}
    chosen = str(form.values.get("offline_limit_seconds") or "")
    seconds = {int(text) for text in usual | ({chosen} if chosen.isdecimal() else set())}
    return [(str(each), format_duration(each)) for each in sorted(seconds)]
