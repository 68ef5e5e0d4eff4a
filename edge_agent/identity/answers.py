"""What a person is answered who signs in, in their language."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from edge_agent.identity.counters import Locked
from shared.i18n import format_duration, ngettext
from shared.i18n import gettext as _
from shared.messages.calls import Authenticated
from shared.messages.records import AccountRecord, UserRecord

OLD_KNOWLEDGE: Final = timedelta(minutes=30)


def welcome(user: UserRecord, account: AccountRecord) -> Authenticated:
    return Authenticated(
        ok=True,
        says=_("Hello %(name)s", name=user.display_name),
        user_id=user.id,
        username=user.username,
        display_name=user.display_name,
        language=user.language or account.language,
    )


def unknown_card(age: timedelta | None = None) -> Authenticated:
    says = _("This card is not known here. Please ask your administrator to add it.")
    if age is not None and age > OLD_KNOWLEDGE:
        heard = format_duration(age.total_seconds())
        # A card that was added since then cannot be known: say so, or people blame the card.
        says += " " + _("This printer last heard from the office %(age)s ago.", age=heard)
    return Authenticated(ok=False, says=says, reason="unknown-card")


def may_enrol() -> Authenticated:
    says = _("This card is new here. Sign in once, and it is yours.")
    return Authenticated(ok=False, says=says, reason="may-enrol")


def card_taken() -> Authenticated:
    says = _("Somebody has this card already. Please ask your administrator.")
    return Authenticated(ok=False, says=says, reason="card-taken")


def disabled() -> Authenticated:
    says = _("Your account is switched off. Please ask your administrator.")
    return Authenticated(ok=False, says=says, reason="disabled")


def not_yet() -> Authenticated:
    says = _("This printer is still learning who you are. Please try again in a minute.")
    return Authenticated(ok=False, says=says, reason="not-ready")


def knowledge_too_old() -> Authenticated:
    says = _(
        "This printer has not heard from the office for too long. Please tell your administrator."
    )
    return Authenticated(ok=False, says=says, reason="knowledge-too-old")


def locked_out(locked: Locked) -> Authenticated:
    return Authenticated(ok=False, says=_how_long(locked.seconds), reason="locked")


def _how_long(seconds: int | None) -> str:
    if seconds is None:
        return _("Too many attempts. Please ask your administrator for a new password or PIN.")
    minutes = max(1, -(-seconds // 60))
    if minutes < 120:  # noqa: PLR2004
        return ngettext(
            "Too many attempts. Please try again in %(num)s minute.",
            "Too many attempts. Please try again in %(num)s minutes.",
            minutes,
        )
    return ngettext(
        "Too many attempts. Please try again in %(num)s hour.",
        "Too many attempts. Please try again in %(num)s hours.",
        -(-minutes // 60),
    )
