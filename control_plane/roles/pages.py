from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.errors import SpoolhouseError
from control_plane.roles import service as roles
from control_plane.roles.schemas import NewRole
from control_plane.security import words
from control_plane.security.permissions import Permission
from control_plane.web.caller import actor, permissions, reading, requires, tenant, writing
from control_plane.web.forms import Form, read
from shared.i18n import gettext

_ = gettext
bp = Blueprint("roles", __name__, url_prefix="/roles")


@bp.get("")
@requires(Permission.SEE_PEOPLE)
def list_roles() -> ResponseReturnValue:
    with reading() as session:
        return _page(session, Form())


@bp.post("")
@requires(Permission.CHANGE_ROLES)
def add_role() -> ResponseReturnValue:
    chosen = request.form.getlist("permissions")
    form = Form({"name": request.form.get("name", "").strip(), "permissions": chosen})
    body = read(NewRole, form)
    if body is not None:
        try:
            with writing() as session:
                roles.create(session, tenant(), body, actor(), may=permissions())
        except SpoolhouseError as error:
            form.refuse(error, ("name",))
        else:
            flash(
                _("The role %(name)s was made. Give it to people on their pages.", name=body.name)
            )
            return redirect(url_for("roles.list_roles"), 303)
    with reading() as session:
        return _page(session, form), 422


@bp.post("/<role_id>/delete")
@requires(Permission.CHANGE_ROLES)
def delete_role(role_id: str) -> ResponseReturnValue:
    with writing() as session:
        roles.delete(session, tenant(), role_id, actor())
    flash(_("The role was removed from everybody who had it."))
    return redirect(url_for("roles.list_roles"), 303)


def _page(session: Session, form: Form) -> str:
    rows = [
        {
            "id": role.id,
            "name": words.role_name(role),
            "is_built_in": role.built_in is not None,
            "may": words.permission_names(role.permissions),
        }
        for role in words.in_order(roles.list_roles(session, tenant()))
    ]
    # One can give what one has, and nothing else.
    own = [(p.value, _(said)) for p, said in words.PERMISSIONS.items() if p in permissions()]
    return render_template("roles/list.html", rows=rows, form=form, choices=own)
