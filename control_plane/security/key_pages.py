"""API keys on a page: made, shown this once, and ended."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.security import api_keys, words
from control_plane.security.api_keys import NewApiKey
from control_plane.security.models import ApiKey
from control_plane.security.permissions import Permission
from control_plane.security.words import permission_names
from control_plane.web.caller import actor, caller, permissions, reading, requires, tenant, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from shared.i18n import format_duration, gettext

_ = gettext
bp = Blueprint("keys", __name__, url_prefix="/api-keys")
_DAYS: Final = (30, 90, 365, 1095)
_MOST: Final = 200


@bp.get("")
@requires(Permission.SEE_SETTINGS)
def list_keys() -> ResponseReturnValue:
    with reading() as session:
        return _page(session, Form({"days": "365"}))


@bp.post("")
@requires(Permission.CHANGE_SETTINGS)
def make_key() -> ResponseReturnValue:
    """Make a key; this answer is the only one that shows it, so it is no redirect."""
    caller().check_is_at_home()
    chosen = request.form.getlist("permissions")
    form = typed("name", "days", "networks", permissions=chosen)
    if not chosen:
        form.errors["permissions"] = _("Choose what it may do.")
    networks = form.values["networks"].replace(",", " ").split()
    sent = Form({**form.values, "networks": networks}, form.errors)
    if shown := carry_out(NewApiKey, sent, _made):
        return shown
    with reading() as session:
        return _page(session, form), 422


def _made(session: Session, body: NewApiKey) -> str:
    if not request.form.get("days", "").strip():
        body = body.model_copy(update={"days": None})
    row, key = api_keys.create(session, tenant(), body, actor(), may=permissions())
    return _page(session, Form({"days": "365"}), made=row.name, key=key)


@bp.post("/<key_id>/revoke")
@requires(Permission.CHANGE_SETTINGS)
def revoke_key(key_id: str) -> ResponseReturnValue:
    with writing() as session:
        row = api_keys.revoke(session, tenant(), key_id, actor())
    return done(
        _("The key %(name)s was revoked: its program is refused from now on.", name=row.name),
        "keys.list_keys",
    )


def _page(session: Session, form: Form, **made: Any) -> str:
    own = [(p.value, _(said)) for p, said in words.PERMISSIONS.items() if p in permissions()]
    return render_template(
        "security/keys.html",
        form=form,
        rows=[_row(row) for row in api_keys.list_keys(session, tenant())[:_MOST]],
        choices=own,
        lives=[(str(days), format_duration(days * 86_400)) for days in _DAYS],
        **made,
    )


def _row(row: ApiKey) -> dict[str, Any]:
    is_over = row.expires_at is not None and row.expires_at <= utc_now()
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "may": permission_names(row.permissions),
        "networks": row.networks,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "is_over": is_over,
        "works": not is_over and row.revoked_at is None,
    }
