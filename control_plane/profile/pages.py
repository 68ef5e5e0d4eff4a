"""One's own sign-in: the password, and where one is signed in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.errors import InvalidError, TooManyError
from control_plane.profile import service as profile
from control_plane.profile.browsers import browser_words
from control_plane.security import cookies
from control_plane.users.schemas import UserChanges
from control_plane.web.caller import caller, parts, reading, requires, user_id, vault, writing
from control_plane.web.changing import done
from control_plane.web.forms import Form, read
from shared.i18n import gettext, ngettext

_ = gettext
bp = Blueprint("profile", __name__, url_prefix="/me")


@bp.get("")
@requires()
def show() -> ResponseReturnValue:
    return _page(Form())


@bp.post("/password")
@requires()
def change_password() -> ResponseReturnValue:
    old, new = request.form.get("old", "")[:1000], request.form.get("password", "")
    form = Form({"password": new})
    body = read(UserChanges, form)
    if body is None or not body.password:
        form.errors.setdefault("password", _("A password has at least 8 characters."))
    else:
        try:
            token = profile.change_password(
                parts().database,
                vault(),
                caller().home,
                caller().actor,
                user_id(),
                old=old,
                new=body.password,
                user_agent=request.headers.get("User-Agent", ""),
            )
        except InvalidError as error:
            form.refuse(error, ("old",))
        except TooManyError as error:
            said = ngettext(
                "Too many attempts. Try again in %(num)s second.",
                "Too many attempts. Try again in %(num)s seconds.",
                error.retry_after_seconds,
            )
            form.errors["old"] = said
        else:
            flash(_("Your password was changed. You are signed out everywhere else."))
            return cookies.give(redirect(url_for("profile.show"), 303), token)
    return _page(form), 422


@bp.post("/sessions/<session_id>/end")
@requires()
def end_session(session_id: str) -> ResponseReturnValue:
    with writing() as session:
        profile.end_session(session, caller().home, user_id(), session_id, caller().actor)
    return done(_("You are signed out there."), "profile.show")


@bp.post("/sessions/end-others")
@requires()
def end_others() -> ResponseReturnValue:
    who = caller()
    with writing() as session:
        profile.end_others(session, who.home, user_id(), who.actor, but=who.session_id)
    return done(_("You are signed out everywhere else."), "profile.show")


def _page(form: Form) -> str:
    who = caller()
    with reading() as session:
        mine = profile.list_sessions(session, who.home, user_id())
    return render_template(
        "profile/show.html",
        form=form,
        sessions=[session_view(row) for row in mine],
        own=who.session_id,
    )


def session_view(row: Any) -> dict[str, Any]:
    """What a page shows of a session."""
    return {
        "id": row.id,
        "browser": browser_words(row.user_agent),
        "address": row.address,
        "began": row.created_at,
        "seen": row.seen_at,
    }
