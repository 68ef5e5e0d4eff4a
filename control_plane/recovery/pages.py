"""A person who cannot sign in sets a new password by a one-time link."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.audit.actor import Actor
from control_plane.errors import NotFoundError
from control_plane.recovery import links
from control_plane.request import host_tenant, reading, vault, writing
from control_plane.tenants import Tenant
from control_plane.users import service as users
from control_plane.users.schemas import UserChanges
from control_plane.web import forms
from control_plane.web.forms import Form

bp = Blueprint("recovery", __name__)


@bp.get("/recover/<token>")
def show(token: str) -> ResponseReturnValue:
    with reading() as session:
        links.get_open(session, links.RECOVERY, _tenant(), token)
    return _page(token, Form())


@bp.post("/recover/<token>")
def consume(token: str) -> ResponseReturnValue:
    form = Form(values={"password": request.form.get("password", "")})
    body = forms.read(UserChanges, form)
    if body is None or body.password is None:
        form.errors.setdefault("password", forms.sentence("at least 8 characters"))
        return _page(token, form), 422
    tenant = _tenant()
    with writing() as session:
        link = links.use(session, links.RECOVERY, tenant, token)
        if link.user_id is None:
            raise NotFoundError("link")
        user = users.get_user(session, tenant, link.user_id)
        by = Actor("user", user.id, user.username, request.remote_addr or "")
        users.update(session, tenant, user.id, body, by, vault=vault())
    return redirect(url_for("web.sign_in"), 303)


def _tenant() -> Tenant:
    tenant = host_tenant()
    if tenant is None:
        raise NotFoundError("link")
    return tenant


def _page(token: str, form: Form) -> str:
    return render_template("security/recover.html", token=token, form=form)
