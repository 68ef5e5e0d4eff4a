"""What a person is called, and their removal, for who looks after people."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.errors import ConflictError, ForbiddenError, SpoolhouseError
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.users.pages import person_page
from control_plane.users.schemas import UserChanges
from control_plane.web.caller import actor, permissions, reading, requires, tenant, vault, writing
from control_plane.web.forms import Form, read, said
from shared.i18n import gettext
from shared.ids import UserId

_ = gettext
bp = Blueprint("details", __name__, url_prefix="/users")
_FIELDS = ("display_name", "email")


@bp.post("/<user_id>/details")
@requires(Permission.CHANGE_PEOPLE)
def change_details(user_id: str) -> ResponseReturnValue:
    form = Form({name: request.form.get(name, "").strip() for name in _FIELDS})
    body = read(UserChanges, form)
    if not form.values["display_name"]:
        form.errors["display_name"] = _("Please fill this in.")
    if body is None or form.errors:
        return _again(user_id, form), 422
    body = body.model_copy(update={"email": form.values["email"]})  # An empty one takes it away.
    try:
        with writing() as session:
            users.update(
                session, tenant(), UserId(user_id), body, actor(), vault=vault(), may=permissions()
            )
    except SpoolhouseError as error:
        form.refuse(error, _FIELDS)
        return _again(user_id, form), 422
    flash(_("Saved."))
    return redirect(url_for("users.show_user", user_id=user_id), 303)


@bp.post("/<user_id>/delete")
@requires(Permission.CHANGE_PEOPLE)
def delete_user(user_id: str) -> ResponseReturnValue:
    form = Form({"confirm": request.form.get("confirm", "").strip()})
    with reading() as session:
        user = users.get_user(session, tenant(), UserId(user_id))
    if form.values["confirm"] != user.username:
        form.errors["confirm"] = _(
            "Type the name %(name)s: this cannot be undone.", name=user.username
        )
        return _again(user_id, form), 422
    try:
        with writing() as session:
            users.delete(session, tenant(), user.id, actor(), may=permissions())
    except (ConflictError, ForbiddenError) as error:
        form.errors[""] = said(error)
        return _again(user_id, form), 409
    flash(_("%(name)s was removed.", name=user.display_name))
    return redirect(url_for("users.list_users"), 303)


def _again(user_id: str, form: Form) -> str:
    with reading() as session:
        return person_page(session, UserId(user_id), form)
