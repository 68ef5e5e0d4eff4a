"""What a person makes for devices that cannot sign in, and how those are set up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.security.permissions import Permission
from control_plane.tokens import service as tokens
from control_plane.tokens.addresses import addresses
from control_plane.tokens.schemas import NewPrintToken
from control_plane.web.caller import account_id, actor, reading, requires, user_id, writing
from control_plane.web.changing import attempt, done, typed
from control_plane.web.forms import Form, read
from shared.i18n import gettext
from shared.ids import PrintTokenId

_ = gettext
bp = Blueprint("tokens", __name__, url_prefix="/my/print-tokens")


@bp.get("")
@requires(Permission.OWN_JOBS)
def list_tokens() -> ResponseReturnValue:
    with reading() as session:
        return _page(session, Form())


@bp.post("")
@requires(Permission.OWN_JOBS)
def add_token() -> ResponseReturnValue:
    """Make a token; this answer is the only one that shows it, so it is no redirect."""
    form = typed("name")
    body = read(NewPrintToken, Form({**form.values, "user_id": user_id()}, form.errors))
    if body and (shown := attempt(form, lambda session: _made(session, body))):
        return shown
    with reading() as session:
        return _page(session, form), 422


def _made(session: Session, body: NewPrintToken) -> str:
    row, token = tokens.create(session, account_id(), body, actor())
    made = addresses(session, account_id(), row, token)
    return _page(session, Form(), name=row.name, made=made)


@bp.post("/<token_id>/revoke")
@requires(Permission.OWN_JOBS)
def revoke_token(token_id: str) -> ResponseReturnValue:
    with writing() as session:
        row = tokens.revoke(
            session, account_id(), PrintTokenId(token_id), actor(), user_id=user_id()
        )
    return done(_("%(name)s can no longer print as you.", name=row.name), "tokens.list_tokens")


def _page(session: Session, form: Form, **made: Any) -> str:
    mine = tokens.list_usable(session, account_id(), user_id())
    return render_template("tokens/show.html", form=form, tokens=mine, **made)
