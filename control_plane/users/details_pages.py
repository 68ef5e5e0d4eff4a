"""What a person is called, and their removal, for who looks after people."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from control_plane.errors import ConflictError, ForbiddenError
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.users.pages import person_page
from control_plane.users.schemas import UserChanges
from control_plane.web.caller import actor, permissions, reading, requires, tenant, vault, writing
from control_plane.web.changing import carry_out, confirmed, done, typed
from control_plane.web.forms import Form, said
from shared.i18n import gettext
from shared.ids import UserId

_ = gettext
bp = Blueprint("details", __name__, url_prefix="/users")
_FIELDS = ("display_name", "email")


@bp.post("/<user_id>/details")
@requires(Permission.CHANGE_PEOPLE)
def change_details(user_id: str) -> ResponseReturnValue:
    form = typed(*_FIELDS)
    changed = carry_out(
        UserChanges,
        form,
        lambda session, body: users.update(
            session,
            tenant(),
            UserId(user_id),
            body.model_copy(update={"email": form.values["email"]}),  # Empty: it is taken away.
            actor(),
            vault=vault(),
            may=permissions(),
        ),
        needs=("display_name",),
    )
    if changed:
        return done(_("Saved."), "users.show_user", user_id=user_id)
    return _again(user_id, form), 422


@bp.post("/<user_id>/delete")
@requires(Permission.CHANGE_PEOPLE)
def delete_user(user_id: str) -> ResponseReturnValue:
    form = typed("confirm")
    with reading() as session:
        user = users.get_user(session, tenant(), UserId(user_id))
    if not confirmed(form, user.username):
        return _again(user_id, form), 422
    try:
        with writing() as session:
            users.delete(session, tenant(), user.id, actor(), may=permissions())
    except (ConflictError, ForbiddenError) as error:
        form.errors[""] = said(error)
        return _again(user_id, form), 409
    return done(_("%(name)s was removed.", name=user.display_name), "users.list_users")


def _again(user_id: str, form: Form) -> str:
    with reading() as session:
        return person_page(session, UserId(user_id), form)
