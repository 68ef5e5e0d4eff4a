"""People from a file: bring it, see what would happen line by line, import it, watch."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.errors import SpoolhouseError
from control_plane.imports import service as imports
from control_plane.security.permissions import Permission
from control_plane.users.csv_file import MAX_BYTES
from control_plane.users.importing import Import
from control_plane.web.caller import (
    actor,
    parts,
    permissions,
    reading,
    requires,
    tenant,
    vault,
    writing,
)
from control_plane.web.changing import done
from control_plane.web.forms import Form, sentence
from control_plane.web.rendering import fragment
from shared.i18n import gettext

_ = gettext
bp = Blueprint("imports", __name__, url_prefix="/users/import")
_EXAMPLE = (
    "username;display_name;email;password;pin;role;card\n"
    "dora;Dora Dale;dora@example.org;;4711;;04B17C6A915D80\n"
    "finn;Finn Fir;finn@example.org;;;help-desk;\n"
)


@bp.get("")
@requires(Permission.CHANGE_PEOPLE)
def new_import() -> ResponseReturnValue:
    with reading() as session:
        return _upload_page(session, Form())


@bp.get("/example.csv")
@requires(Permission.CHANGE_PEOPLE)
def example() -> ResponseReturnValue:
    answer = Response(_EXAMPLE, mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="people.csv"'
    return answer


@bp.post("")
@requires(Permission.CHANGE_PEOPLE)
def bring() -> ResponseReturnValue:
    form = Form()
    file = request.files.get("file")
    if file is None or not file.filename:
        form.errors["file"] = _("Choose a file.")
    else:
        # One byte more than may be: the service refuses it, and nobody reads the rest.
        with closing(file):
            data = file.stream.read(MAX_BYTES + 1)
        try:
            found = imports.bring(parts().imports, _order(), data, file_name=file.filename[:200])
        except SpoolhouseError as error:
            form.refuse(error, ())
            form.errors["file"] = form.errors.pop("")
        else:
            return redirect(url_for("imports.show", import_id=found.id), 303)
    with reading() as session:
        return _upload_page(session, form), 422


@bp.get("/<import_id>")
@requires(Permission.CHANGE_PEOPLE)
def show(import_id: str) -> ResponseReturnValue:
    with reading() as session:
        found = imports.get_import(session, tenant(), import_id)
        return render_template("imports/show.html", **_values(found))


@bp.get("/<import_id>/live")
@requires(Permission.CHANGE_PEOPLE)
def live(import_id: str) -> ResponseReturnValue:
    with reading() as session:
        found = imports.get_import(session, tenant(), import_id)
        return fragment("imports/live.html", **_values(found))


@bp.post("/<import_id>/start")
@requires(Permission.CHANGE_PEOPLE)
def start(import_id: str) -> ResponseReturnValue:
    imports.start(parts().imports, _order(), import_id)
    return redirect(url_for("imports.show", import_id=import_id), 303)


@bp.post("/<import_id>/discard")
@requires(Permission.CHANGE_PEOPLE)
def discard(import_id: str) -> ResponseReturnValue:
    with writing() as session:
        imports.discard(session, tenant(), import_id)
    return done(_("The file was thrown away. Nobody was changed by that."), "imports.new_import")


def _order() -> Import:
    return Import(parts().database, vault(), tenant(), actor(), may=permissions())


def _upload_page(session: Session, form: Form) -> str:
    return render_template(
        "imports/new.html",
        form=form,
        before=imports.newest(session, tenant()),
        columns=_columns(),
        for_account=tenant().account_id is not None,
    )


def _columns() -> list[tuple[str, str]]:
    known = [
        ("username", _("needed; as they sign in to their computer")),
        ("display_name", _("as they are greeted at the printer")),
        ("email", ""),
        ("password", _("at least eight characters; only for new people")),
        ("pin", _("4 to 12 digits; only for new people")),
        ("role", _("such as user, help-desk, administrator; several with spaces between")),
        ("card", _("a card number as a reader gives it")),
    ]
    return known if tenant().account_id is not None else [k for k in known if k[0] != "card"]


def _values(found: Any) -> dict[str, Any]:
    counts = {key: int(found.counts.get(key, 0)) for key in ("created", "changed", "same")}
    refused = int(found.counts.get("refused", 0))
    shown = found.problems.get("items", [])
    return {
        "it": found,
        "counts": counts,
        "useful": counts["created"] + counts["changed"],
        "refused": refused,
        "more": refused - len(shown),
        "problems": [{**item, "says": sentence(item["text"], **item["values"])} for item in shown],
        "is_running": imports.is_running(found),
        "is_interrupted": imports.is_interrupted(found),
        "percent": round(100 * found.lines_done / found.lines) if found.lines else 100,
    }
