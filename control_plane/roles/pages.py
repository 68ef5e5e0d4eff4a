from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.roles import service as roles
from control_plane.roles.schemas import NewRole, RoleChanges
from control_plane.security import words
from control_plane.security.permissions import Permission
from control_plane.web.caller import actor, may, permissions, reading, requires, tenant, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
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
    form = typed("name", permissions=request.form.getlist("permissions"))
    made = carry_out(
        NewRole,
        form,
        lambda session, body: roles.create(session, tenant(), body, actor(), may=permissions()),
    )
    if made:
        said = _("The role %(name)s was made. Give it to people on their pages.", name=made.name)
        return done(said, "roles.list_roles")
    with reading() as session:
        return _page(session, form), 422


@bp.get("/<role_id>")
@requires(Permission.SEE_PEOPLE)
def show_role(role_id: str) -> ResponseReturnValue:
    with reading() as session:
        role = roles.get_role(session, tenant(), role_id)
        values = {"name": role.name, "permissions": role.permissions}
        return _role_page(session, role_id, Form(values))


@bp.post("/<role_id>")
@requires(Permission.CHANGE_ROLES)
def change_role(role_id: str) -> ResponseReturnValue:
    """Change a role; one that holds what its changer may not give is refused: it would lose it."""
    form = typed("name", permissions=request.form.getlist("permissions"))
    with reading() as session:
        held = roles.get_role(session, tenant(), role_id).permissions
    own = {permission.value for permission in permissions()}
    wanted = [*form.values["permissions"], *(text for text in held if text not in own)]
    changed = carry_out(
        RoleChanges,
        Form({**form.values, "permissions": wanted}, form.errors),
        lambda session, body: roles.update(
            session, tenant(), role_id, body, actor(), may=permissions()
        ),
        needs=("name",),
    )
    if changed:
        said = _("Saved. Whoever has the role may do this from now on.")
        return done(said, "roles.show_role", role_id=role_id)
    with reading() as session:
        return _role_page(session, role_id, form), 422


@bp.post("/<role_id>/delete")
@requires(Permission.CHANGE_ROLES)
def delete_role(role_id: str) -> ResponseReturnValue:
    with writing() as session:
        roles.delete(session, tenant(), role_id, actor())
    return done(_("The role was removed from everybody who had it."), "roles.list_roles")


def _role_page(session: Session, role_id: str, form: Form) -> str:
    role = roles.get_role(session, tenant(), role_id)
    is_beyond = not set(role.permissions) <= {permission.value for permission in permissions()}
    return render_template(
        "roles/show.html",
        role=role,
        name=words.role_name(role),
        form=form,
        may=words.permission_names(role.permissions),
        choices=_choices(),
        is_beyond=is_beyond,
        can_change=may(Permission.CHANGE_ROLES) and role.built_in is None and not is_beyond,
    )


def _choices() -> list[tuple[str, str]]:
    """One can give what one has, and nothing else."""
    return [(p.value, _(said)) for p, said in words.PERMISSIONS.items() if p in permissions()]


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
    return render_template("roles/list.html", rows=rows, form=form, choices=_choices())
