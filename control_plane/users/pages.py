from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.errors import ConflictError, ForbiddenError
from control_plane.groups import service as groups
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.printers import service as printers
from control_plane.profile import service as profile
from control_plane.profile.pages import session_view
from control_plane.roles import service as roles
from control_plane.security import words
from control_plane.security.permissions import Permission
from control_plane.tokens import service as tokens
from control_plane.users import service as users
from control_plane.users.schemas import NewUser, UserChanges
from control_plane.web.caller import (
    account_id,
    actor,
    permissions,
    reading,
    requires,
    tenant,
    vault,
    writing,
)
from control_plane.web.changing import carry_out, done, typed
from control_plane.web.forms import Form, read, sentence
from control_plane.web.lists import asked_for
from control_plane.web.tables import Row, csv_response, every_row, yes_or_no
from shared.i18n import format_duration, gettext
from shared.ids import CardId, UserId
from shared.secrets import SIGN_IN_CODE_SECONDS

_ = gettext
bp = Blueprint("users", __name__, url_prefix="/users")
_FIELDS = ("username", "display_name", "email", "password")
_ALL = 200


@bp.get("")
@requires(Permission.SEE_PEOPLE)
def list_users() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor"))
        return render_template(
            "users/list.html",
            page=page,
            roles=_roles(session, page.items),
            cards=_last4(session, page.items),
        )


@bp.get("/export.csv")
@requires(Permission.SEE_PEOPLE)
def export_users() -> ResponseReturnValue:
    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        given = _roles(session, page.items)
        rows = [
            (
                u.display_name, u.username, u.email, ", ".join(given.get(u.id, ())),
                yes_or_no(u.enabled), u.last_sign_in_at,
            )
            for u in page.items
        ]  # fmt: skip
        return rows, page.next_cursor

    header = [
        _("Person"), _("User name"), _("E-mail"), _("Roles"), _("May print"),
        _("Last signed in here"),
    ]  # fmt: skip
    return csv_response("people", header, every_row(read_some))


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    return users.list_users(session, tenant(), **asked_for(cursor, limit))


@bp.get("/new")
@requires(Permission.CHANGE_PEOPLE)
def new_user() -> ResponseReturnValue:
    return render_template("users/new.html", form=Form())


@bp.post("/new")
@requires(Permission.CHANGE_PEOPLE)
def add_user() -> ResponseReturnValue:
    form = typed(*_FIELDS)
    user = carry_out(
        NewUser,
        form,
        lambda session, body: users.create(
            session, tenant(), body, actor(), vault=vault(), may=permissions()
        ),
    )
    if user:
        said = _("%(name)s was added. Give them a card next.", name=user.display_name)
        return done(said, "users.show_user", user_id=user.id)
    return render_template("users/new.html", form=form), 422


@bp.get("/<user_id>")
@requires(Permission.SEE_PEOPLE)
def show_user(user_id: str) -> ResponseReturnValue:
    with reading() as session:
        return person_page(session, UserId(user_id), Form())


@bp.post("/<user_id>/cards")
@requires(Permission.CHANGE_PEOPLE)
def add_card(user_id: str) -> ResponseReturnValue:
    form = typed("number", user_id=user_id)
    card = carry_out(
        NewCard,
        form,
        lambda session, body: cards.create(session, account_id(), body, actor(), vault=vault()),
    )
    if card:
        said = _(
            "The card ending %(last4)s works at every gateway that is heard.", last4=card.last4
        )
        return done(said, "users.show_user", user_id=user_id)
    with reading() as session:
        return person_page(session, UserId(user_id), form), 422


@bp.post("/<user_id>/cards/<card_id>/revoke")
@requires(Permission.CHANGE_PEOPLE)
def revoke_card(user_id: str, card_id: str) -> ResponseReturnValue:
    with writing() as session:
        card = cards.revoke(session, account_id(), CardId(card_id), actor())
    said = _("The card ending %(last4)s was revoked.", last4=card.last4)
    return done(said, "users.show_user", user_id=user_id)


@bp.post("/<user_id>/pin")
@requires(Permission.CHANGE_PEOPLE)
def set_pin(user_id: str) -> ResponseReturnValue:
    form = typed("pin")
    body = read(UserChanges, form)
    if body is not None and body.pin:
        _change(user_id, body)
        return done(_("The PIN was set."), "users.show_user", user_id=user_id)
    form.errors.setdefault("pin", _("A PIN has 4 to 12 digits."))
    with reading() as session:
        return person_page(session, UserId(user_id), form), 422


@bp.post("/<user_id>/roles")
@requires(Permission.CHANGE_PEOPLE)
def set_roles(user_id: str) -> ResponseReturnValue:
    chosen = tuple(request.form.getlist("roles"))
    try:
        _change(user_id, UserChanges(roles=chosen))
    except (ConflictError, ForbiddenError) as error:
        form = Form(errors={"": sentence(str(error))})
        with reading() as session:
            return person_page(session, UserId(user_id), form), 422
    return done(_("Saved."), "users.show_user", user_id=user_id)


@bp.post("/<user_id>/lock")
@requires(Permission.CHANGE_PEOPLE)
def lock_user(user_id: str) -> ResponseReturnValue:
    enabled = request.form.get("enabled") == "yes"
    _change(user_id, UserChanges(enabled=enabled))
    said = _("They may print again.") if enabled else _("They can no longer print or sign in.")
    return done(said, "users.show_user", user_id=user_id)


def _change(user_id: str, body: UserChanges) -> None:
    with writing() as session:
        users.update(
            session, tenant(), UserId(user_id), body, actor(), vault=vault(), may=permissions()
        )


def person_page(session: Session, user_id: UserId, form: Form) -> str:
    """Show a person with all that belongs to them."""
    user = users.get_user(session, tenant(), user_id)
    held = {role.id for role in roles.roles_of_user(session, tenant(), user_id)}
    held_cards = _cards(session, user_id)
    return render_template(
        "users/show.html",
        user=user,
        code_life=format_duration(SIGN_IN_CODE_SECONDS),
        form=form,
        details=form if "display_name" in form.values else _details(user),
        cards=held_cards,
        places=_places(session, held_cards),
        tokens=_tokens(session, user_id),
        groups=_groups(session, user_id),
        sessions=[session_view(row) for row in profile.list_sessions(session, tenant(), user_id)],
        roles=_roles(session, [user])[user.id],
        choices=[
            (role.id, words.role_name(role), role.id in held)
            for role in words.in_order(roles.list_roles(session, tenant()))
        ],
    )


def _details(user: Any) -> Form:
    return Form({"display_name": user.display_name, "email": user.email})


def _cards(session: Session, user_id: UserId) -> Sequence[Any]:
    """List a person's cards, those in use first; a vendor's people have none."""
    if tenant().account_id is None:
        return ()
    given = cards.list_cards(session, account_id(), user_id=user_id, with_revoked=True, limit=_ALL)
    return sorted(given.items, key=lambda card: card.revoked_at is not None)


def _places(session: Session, held: Sequence[Any]) -> Mapping[str, str]:
    """Name the printers at which cards were enrolled."""
    ids = [card.enrolled_printer_id for card in held if card.enrolled_printer_id]
    return printers.names(session, account_id(), ids) if ids else {}


def _tokens(session: Session, user_id: UserId) -> Sequence[Any]:
    if tenant().account_id is None:
        return ()
    return tokens.list_usable(session, account_id(), user_id)


def _groups(session: Session, user_id: UserId) -> Sequence[Any]:
    if tenant().account_id is None:
        return ()
    return groups.list_of_user(session, account_id(), user_id)


def _roles(session: Session, people: Sequence[Any]) -> dict[UserId, list[str]]:
    found = roles.roles_of_users(session, tenant(), [user.id for user in people])
    return {user_id: [words.role_name(role) for role in given] for user_id, given in found.items()}


def _last4(session: Session, people: Sequence[Any]) -> dict[UserId, list[str]]:
    if tenant().account_id is None:
        return {}
    found: dict[UserId, list[str]] = {}
    for card in cards.list_of_users(session, account_id(), [user.id for user in people]):
        found.setdefault(card.user_id, []).append(card.last4)
    return found
