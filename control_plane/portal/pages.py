"""What a person who prints sees: their jobs, their cards, their PIN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.cards import service as cards
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.errors import ConflictError, NotFoundError
from control_plane.gateways import things
from control_plane.jobs import service as jobs
from control_plane.jobs import words
from control_plane.printers import service as printers
from control_plane.printers.words import how
from control_plane.security.permissions import Permission
from control_plane.users import codes
from control_plane.users import service as users
from control_plane.users.schemas import UserChanges
from control_plane.web.caller import (
    account_id,
    actor,
    reading,
    requires,
    tenant,
    user_id,
    vault,
    writing,
)
from control_plane.web.changing import done
from control_plane.web.forms import Form, read
from control_plane.web.rendering import fragment
from shared.i18n import format_duration, format_moment, gettext
from shared.ids import CardId, JobId, PrinterId
from shared.job_states import Hold, JobState
from shared.messages.commands import CommandKind
from shared.secrets import SIGN_IN_CODE_SECONDS

_ = gettext
bp = Blueprint("portal", __name__, url_prefix="/my")
_SHOWN = 50
_ALL = 200


@bp.get("")
@requires(Permission.OWN_JOBS)
def show() -> ResponseReturnValue:
    with reading() as session:
        return render_template("portal/show.html", form=Form(), **_values(session))


@bp.get("/live")
@requires(Permission.OWN_JOBS)
def live() -> ResponseReturnValue:
    with reading() as session:
        return fragment("portal/live.html", **_values(session))


@bp.post("/jobs/<job_id>/release")
@requires(Permission.OWN_JOBS)
def release(job_id: str) -> ResponseReturnValue:
    with writing() as session:
        job = _waiting(session, job_id)
        chosen = PrinterId(request.form.get("printer_id", ""))
        printer = printers.get_printer(session, account_id(), chosen)
        body = {"printer_id": printer.id, "owner_id": user_id()}
        _ask(session, job, CommandKind.RELEASE_JOB, body)
    return done(_("It is on its way to %(printer)s.", printer=printer.name), "portal.show")


@bp.post("/jobs/release")
@requires(Permission.OWN_JOBS)
def release_all() -> ResponseReturnValue:
    """Ask for everything that waits, but for what may have printed already."""
    with writing() as session:
        chosen = PrinterId(request.form.get("printer_id", ""))
        printer = printers.get_printer(session, account_id(), chosen)
        held = jobs.list_jobs(
            session, account_id(), owner_id=user_id(), states=(JobState.PENDING_HELD,), limit=_SHOWN
        )
        body = {"printer_id": printer.id, "owner_id": user_id()}
        for job in held.items:
            if Hold.UNCERTAIN.value not in job.reasons:
                _ask(session, job, CommandKind.RELEASE_JOB, body)
    return done(
        _("Your jobs are on their way to %(printer)s.", printer=printer.name), "portal.show"
    )


@bp.post("/jobs/<job_id>/delete")
@requires(Permission.OWN_JOBS)
def delete(job_id: str) -> ResponseReturnValue:
    with writing() as session:
        _ask(session, _waiting(session, job_id), CommandKind.CANCEL_JOB, {})
    return done(_("It will be deleted."), "portal.show")


@bp.post("/pin")
@requires(Permission.OWN_JOBS)
def set_pin() -> ResponseReturnValue:
    form = Form({"pin": request.form.get("pin", "").strip()})
    body = read(UserChanges, form)
    if body is not None and body.pin:
        with writing() as session:
            users.update(session, tenant(), user_id(), body, actor(), vault=vault())
        return done(_("Your PIN was set."), "portal.show")
    form.errors.setdefault("pin", _("A PIN has 4 to 12 digits."))
    with reading() as session:
        return render_template("portal/show.html", form=form, **_values(session)), 422


@bp.post("/code")
@requires(Permission.OWN_JOBS)
def make_code() -> ResponseReturnValue:
    """Make one's own one-time code; this answer is the only one that shows it."""
    with writing() as session:
        made = codes.make(session, account_id(), user_id(), actor(), vault=vault())
    return render_template("portal/code.html", made=made)


@bp.post("/cards/<card_id>/revoke")
@requires(Permission.OWN_JOBS)
def revoke_card(card_id: str) -> ResponseReturnValue:
    with writing() as session:
        own = cards.list_of_user(session, account_id(), user_id())
        if card_id not in {card.id for card in own}:
            raise NotFoundError("card", card_id)
        cards.revoke(session, account_id(), CardId(card_id), actor())
    return done(_("This card no longer works."), "portal.show")


def _waiting(session: Session, job_id: str) -> Any:
    job = jobs.get_job(session, account_id(), JobId(job_id), owner_id=user_id()).job
    if job.state != JobState.PENDING_HELD:
        raise ConflictError("this job does not wait any more")
    return job


def _ask(session: Session, job: Any, kind: CommandKind, body: dict[str, Any]) -> None:
    whole = {"account_id": job.account_id, "job_id": job.id, **body}
    commands.ask(session, tenant(), job.gateway_id, kind, body=whole, by=actor())


def _values(session: Session) -> dict[str, Any]:
    mine = jobs.list_jobs(session, account_id(), owner_id=user_id(), limit=_SHOWN).items
    names = jobs.names_of(session, account_id(), mine)
    rows = [_row(job, names) for job in mine]
    return {
        "waiting": [row for row in rows if row["waits"]],
        "others": [row for row in rows if not row["waits"]],
        "printers": _printers(session, mine),
        "code_life": format_duration(SIGN_IN_CODE_SECONDS),
        "cards": [
            card
            for card in cards.list_of_user(session, account_id(), user_id())
            if card.revoked_at is None
        ],
    }


def _printers(session: Session, mine: Sequence[Any]) -> list[tuple[str, str]]:
    """Where one may print: the printer that one used last first, with what is in the way there."""
    known = printers.list_printers(session, account_id(), limit=_ALL).items
    last = next((job.printer_id for job in mine if job.printer_id), None)
    now = utc_now()
    states = things.states(session, account_id(), "printers", now)
    choices: list[tuple[str, str]] = []
    for printer in sorted(known, key=lambda printer: printer.id != last):
        it = how(states.get(printer.id), now)
        says = f"{printer.name} ({it.says})" if it.needs_somebody else printer.name
        if printer.enabled:
            choices.append((printer.id, says))
    return choices


def _row(job: Any, names: dict[str, str]) -> dict[str, Any]:
    tone, state = words.state_words(job)
    now = utc_now()
    return {
        "id": job.id,
        "title": job.title,
        "pages": words.pages_words(job),
        "sent": format_moment(job.received_at, now),
        "kept": format_moment(job.kept_until, now),
        "tone": tone,
        "state": state,
        "why": words.why_not_printed(job, now) if JobState(job.state).is_final else "",
        "printer": names.get(job.printer_id or "", ""),
        "is_uncertain": Hold.UNCERTAIN.value in job.reasons,
        "waits": job.state == JobState.PENDING_HELD,
    }
