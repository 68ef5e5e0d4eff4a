"""Groups of people: who is in them, and which queues they open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.errors import ConflictError
from control_plane.groups import service as groups
from control_plane.groups.schemas import GroupChanges, NewGroup, NewMembers
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.security.permissions import Permission
from control_plane.web.caller import account_id, actor, reading, requires, writing
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import gettext, ngettext
from shared.ids import UserId

_ = gettext
bp = Blueprint("groups", __name__, url_prefix="/groups")


@bp.get("")
@requires(Permission.SEE_PEOPLE)
def list_groups() -> ResponseReturnValue:
    with reading() as session:
        return _list_page(session, Form())


@bp.post("")
@requires(Permission.CHANGE_PEOPLE)
def add_group() -> ResponseReturnValue:
    form = typed("name")
    group = carry_out(
        NewGroup, form, lambda session, body: groups.create(session, account_id(), body, actor())
    )
    if group:
        said = _("The group %(name)s was made. Put people into it.", name=group.name)
        return done(said, "groups.show_group", group_id=group.id)
    with reading() as session:
        return _list_page(session, form), 422


@bp.get("/export.csv")
@requires(Permission.SEE_PEOPLE)
def export_groups() -> ResponseReturnValue:
    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        ids = [group.id for group in page.items]
        sizes = groups.sizes(session, account_id(), ids)
        queues = groups.queues_open_to(session, account_id(), ids)
        rows = [
            (g.name, sizes.get(g.id, 0), ", ".join(q.name for q in queues.get(g.id, ())))
            for g in page.items
        ]
        return rows, page.next_cursor

    header = [_("Group"), _("People"), _("Queues that it opens")]
    return csv_response("groups", header, every_row(read_some))


@bp.get("/<group_id>")
@requires(Permission.SEE_PEOPLE)
def show_group(group_id: str) -> ResponseReturnValue:
    with reading() as session:
        return _group_page(session, group_id, Form())


@bp.post("/<group_id>")
@requires(Permission.CHANGE_PEOPLE)
def rename_group(group_id: str) -> ResponseReturnValue:
    form = typed("name")
    changed = carry_out(
        GroupChanges,
        form,
        lambda session, body: groups.update(session, account_id(), group_id, body, actor()),
        needs=("name",),
    )
    if changed:
        return done(_("Saved."), "groups.show_group", group_id=group_id)
    with reading() as session:
        return _group_page(session, group_id, form), 422


@bp.post("/<group_id>/people")
@requires(Permission.CHANGE_PEOPLE)
def add_people(group_id: str) -> ResponseReturnValue:
    form = typed("usernames")
    added = carry_out(
        NewMembers,
        form,
        lambda session, body: groups.add_people(session, account_id(), group_id, body, actor()),
    )
    if added is not None:
        said = (
            ngettext("%(num)s person was added.", "%(num)s people were added.", len(added))
            if added
            else _("They were in this group already.")
        )
        return done(said, "groups.show_group", group_id=group_id)
    with reading() as session:
        return _group_page(session, group_id, form), 422


@bp.post("/<group_id>/people/<user_id>/remove")
@requires(Permission.CHANGE_PEOPLE)
def remove_person(group_id: str, user_id: str) -> ResponseReturnValue:
    with writing() as session:
        user = groups.remove_person(session, account_id(), group_id, UserId(user_id), actor())
    said = _("%(name)s is no longer in this group.", name=user.display_name)
    return done(said, "groups.show_group", group_id=group_id)


@bp.post("/<group_id>/delete")
@requires(Permission.CHANGE_PEOPLE)
def delete_group(group_id: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            groups.delete(session, account_id(), group_id, actor())
    except ConflictError as error:
        form = Form()
        form.refuse(error, ())
        with reading() as session:
            return _group_page(session, group_id, form), 409
    return done(_("The group was removed; its people stay."), "groups.list_groups")


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return groups.list_groups(session, account_id(), **asked_for(cursor, limit))


def _list_page(session: Session, form: Form) -> str:
    page = _page(session, request.args.get("cursor"))
    ids = [group.id for group in page.items]
    return render_template(
        "groups/list.html",
        page=page,
        form=form,
        sizes=groups.sizes(session, account_id(), ids),
        queues=groups.queues_open_to(session, account_id(), ids),
    )


def _group_page(session: Session, group_id: str, form: Form) -> str:
    group = groups.get_group(session, account_id(), group_id)
    return render_template(
        "groups/show.html",
        group=group,
        form=form,
        page=groups.list_people(
            session, account_id(), group_id, cursor=request.args.get("cursor") or None
        ),
        size=groups.sizes(session, account_id(), [group_id]).get(group_id, 0),
        queues=groups.queues_open_to(session, account_id(), [group_id]).get(group_id, []),
    )
