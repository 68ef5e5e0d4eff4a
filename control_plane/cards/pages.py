"""The key that an account's cards are hashed with: which it is, and a new one."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from control_plane.cards import rekeying
from control_plane.gateways import service as gateways
from control_plane.security.permissions import Permission
from control_plane.web.caller import account_id, actor, caller, reading, requires, vault, writing
from control_plane.web.changing import done
from shared.i18n import gettext, ngettext

_ = gettext
bp = Blueprint("cards", __name__, url_prefix="/settings/card-key")


@bp.get("")
@requires(Permission.SEE_SETTINGS)
def show_key() -> ResponseReturnValue:
    with reading() as session:
        return render_template(
            "cards/key.html",
            key=rekeying.current(session, account_id()),
            gateways=len(gateways.serving_gateways(session, account_id())),
        )


@bp.post("")
@requires(Permission.CHANGE_SETTINGS)
def change_key() -> ResponseReturnValue:
    caller().check_is_at_home()
    with writing() as session:
        found = rekeying.change_key(session, account_id(), actor(), vault=vault())
    return done(
        ngettext(
            "%(num)s card has a new hash. People notice nothing.",
            "%(num)s cards have new hashes. People notice nothing.",
            found.cards,
        ),
        "cards.show_key",
    )
