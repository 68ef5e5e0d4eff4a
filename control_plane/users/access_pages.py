"""How somebody else comes in, for who looks after people: sessions, print tokens, a way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.domains import service as domains
from control_plane.errors import ConflictError
from control_plane.profile import service as profile
from control_plane.recovery import links
from control_plane.roles import service as roles
from control_plane.security.permissions import Permission
from control_plane.tokens import service as tokens
from control_plane.tokens.addresses import addresses
from control_plane.tokens.schemas import NewPrintToken
from control_plane.users import codes
from control_plane.users import service as users
from control_plane.users.pages import person_page
from control_plane.web.caller import (
    account_id,
    actor,
    caller,
    permissions,
    reading,
    requires,
    tenant,
    vault,
    writing,
)
from control_plane.web.changing import attempt, done, typed
from control_plane.web.forms import Form, read, said
from shared.i18n import gettext
from shared.ids import PrintTokenId, UserId

_ = gettext
bp = Blueprint("access", __name__, url_prefix="/users")


@bp.post("/<user_id>/recovery")
@requires(Permission.CHANGE_PEOPLE)
def make_link(user_id: str) -> ResponseReturnValue:
    """Make a link for a new password; this answer is the only one that shows it."""
    with writing() as session:
        user = users.get_user(session, tenant(), UserId(user_id))
        # Whoever may set somebody's password can become that somebody.
        roles.check_may_manage(session, tenant(), user.id, permissions())
        token = links.create(session, links.RECOVERY, tenant(), user.id)
        audit.record(
            session, tenant(), "user.link-made", actor(), subject_kind="user",
            subject_id=user.id, detail={"username": user.username},
        )  # fmt: skip
        host = _host(domains.list_domains(session, tenant()))
    path = f"/recover/{token}"  # On the host itself, also where a vendor looks in.
    return render_template("users/link.html", user=user, link=f"https://{host}{path}")


@bp.post("/<user_id>/code")
@requires(Permission.CHANGE_PEOPLE)
def make_code(user_id: str) -> ResponseReturnValue:
    """Make a one-time code for printers; this answer is the only one that shows it."""
    try:
        with writing() as session:
            made = codes.make(
                session, account_id(), UserId(user_id), actor(), vault=vault(), may=permissions()
            )
    except ConflictError as error:
        form = Form(errors={"": said(error)})
        with reading() as session:
            return person_page(session, UserId(user_id), form), 409
    return render_template("users/code.html", made=made)


@bp.post("/<user_id>/sessions/<session_id>/end")
@requires(Permission.CHANGE_PEOPLE)
def end_session(user_id: str, session_id: str) -> ResponseReturnValue:
    with writing() as session:
        profile.end_session(
            session, tenant(), UserId(user_id), session_id, actor(), may=permissions()
        )
    return done(_("They are signed out there."), "users.show_user", user_id=user_id)


@bp.post("/<user_id>/print-tokens")
@requires(Permission.CHANGE_PEOPLE)
def add_token(user_id: str) -> ResponseReturnValue:
    """Make a token for somebody; this answer is the only one that shows it."""
    form = typed("name")
    body = read(NewPrintToken, Form({**form.values, "user_id": user_id}, form.errors))
    if body and (shown := attempt(form, lambda session: _made(session, body))):
        return shown
    with reading() as session:
        return person_page(session, UserId(user_id), form), 422


def _made(session: Session, body: NewPrintToken) -> str:
    user = users.get_user(session, tenant(), body.user_id)
    row, token = tokens.create(session, account_id(), body, actor(), may=permissions())
    made = addresses(session, account_id(), row, token)
    return render_template("users/token.html", user=user, name=row.name, made=made)


@bp.post("/<user_id>/print-tokens/<token_id>/revoke")
@requires(Permission.CHANGE_PEOPLE)
def revoke_token(user_id: str, token_id: str) -> ResponseReturnValue:
    with writing() as session:
        row = tokens.revoke(
            session, account_id(), PrintTokenId(token_id), actor(), user_id=UserId(user_id)
        )
    return done(
        _("The print token %(name)s was revoked.", name=row.name),
        "users.show_user",
        user_id=user_id,
    )


def _host(known: Sequence[Any]) -> str:
    """Where the person signs in: here, or at the account's own address under a grant."""
    if not caller().is_descended:
        return request.host
    port = request.host.rpartition(":")[2] if ":" in request.host else ""
    named = [domain.name for domain in known if domain.verified_at]
    return f"{named[0] if named else request.host}{':' + port if port.isdecimal() else ''}"
