"""The page of the first run; its routes exist only in a primary that began with nobody in it."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from control_plane.errors import NotFoundError
from control_plane.recovery import links
from control_plane.request import parts, reading, vault, writing
from control_plane.setup import service as setup
from control_plane.setup.service import FirstRun
from control_plane.tenants import INSTALLATION
from control_plane.web import forms
from control_plane.web.forms import Form

bp = Blueprint("setup", __name__)
_FIELDS = ("company", "short_name", "host", "username", "password")


@bp.get("/setup/<token>")
def show(token: str) -> ResponseReturnValue:
    _check(token)
    values = {"short_name": "office", "host": "office.localhost", "username": "admin"}
    return _page(token, Form(values=values))


@bp.post("/setup/<token>")
def finish(token: str) -> ResponseReturnValue:
    _check(token)
    form = Form(values={name: request.form.get(name, "") for name in _FIELDS})
    body = forms.read(FirstRun, form)
    if body is None:
        return _page(token, form), 422
    with writing() as session:
        host = setup.finish(session, token, body, request.remote_addr or "", vault=vault())
    port = request.host.rpartition(":")[2] if ":" in request.host else ""
    url = f"https://{host}{':' + port if port.isdecimal() else ''}/sign-in"
    # No redirect: our policy lets no form lead to another host, and a browser keeps to it.
    return render_template("security/ready.html", url=url, host=host, username=body.username)


def _check(token: str) -> None:
    with reading() as session:
        if not setup.is_open(session):
            raise NotFoundError("page")
        links.get_open(session, links.SETUP, INSTALLATION, token)


def _page(token: str, form: Form) -> str:
    local = parts().settings.public_host == "localhost"
    return render_template("security/setup.html", token=token, form=form, is_local=local)
