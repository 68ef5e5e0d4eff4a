from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError
from control_plane.gateways import service as gateways
from control_plane.jobs import requests, timeline, words
from control_plane.jobs import service as jobs
from control_plane.jobs.ticket_words import ticket_words
from control_plane.paging import DEFAULT_LIMIT, EXPORT_LIMIT, Page
from control_plane.parked import service as parked
from control_plane.printers import service as printers
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.web.caller import (
    account_id,
    actor,
    may,
    reading,
    requires,
    shows_titles,
    tenant,
    writing,
)
from control_plane.web.changing import done
from control_plane.web.forms import sentence
from control_plane.web.rendering import fragment
from control_plane.web.tables import Row, csv_response, every_row
from shared.i18n import format_moment, gettext, mark, ngettext
from shared.ids import JobId, PrinterId, UserId
from shared.job_states import Hold, JobState

_ = gettext
bp = Blueprint("jobs", __name__, url_prefix="/jobs")
_ALL: Final = 200
_PEOPLE: Final = 20
# By its word in the address: how it is called, its states, and the reason it must give.
_STATES: Final[Mapping[str, tuple[str, tuple[JobState, ...], str]]] = {
    "held": (mark("Waiting"), (JobState.PENDING_HELD,), ""),
    "printing": (
        mark("Printing"),
        (JobState.PENDING, JobState.PROCESSING, JobState.PROCESSING_STOPPED),
        "",
    ),
    "completed": (mark("Printed"), (JobState.COMPLETED,), ""),
    "ended": (mark("Deleted or not printed"), (JobState.CANCELED, JobState.ABORTED), ""),
    "uncertain": (mark("Outcome unknown"), (JobState.PENDING_HELD,), Hold.UNCERTAIN.value),
    "quarantine": (mark("Nobody's"), (JobState.PENDING_HELD,), Hold.QUARANTINE.value),
    "lost": (mark("Lost with a gateway's disk"), (JobState.ABORTED,), jobs.LOST),
}
_FILTERS: Final = ("q", "state", "printer", "person")


@bp.get("")
@requires(Permission.SEE_JOBS)
def list_jobs() -> ResponseReturnValue:
    with reading() as session:
        page = _page(session, request.args.get("cursor") or None)
        values = {
            "page": page,
            "rows": _rows(session, page.items),
            "filters": _filters(),
            "is_filtered": any(_filters().values()) or "cursor" in request.args,
        }
        if request.args.get("fragment") == "rows":
            return fragment("jobs/rows.html", **values)
        return render_template(
            "jobs/list.html",
            states=[(key, _(label)) for key, (label, _states, _reason) in _STATES.items()],
            printers=_printers(session),
            **values,
        )


@bp.get("/export.csv")
@requires(Permission.SEE_JOBS)
def export_jobs() -> ResponseReturnValue:
    names = ("title", "person", "queue", "state", "impressions", "printer", "received_at")

    def read_some(session: Session, cursor: str | None) -> tuple[Iterable[Row], str | None]:
        page = _page(session, cursor, EXPORT_LIMIT)
        rows = _rows(session, page.items)
        return [[row[name] for name in names] for row in rows], page.next_cursor

    header = [_("Title"), _("Person"), _("Queue"), _("State"), _("Pages"), _("Printer"), _("Sent")]
    return csv_response("jobs", header, every_row(read_some))


@bp.post("/delete")
@requires(Permission.CHANGE_JOBS)
def delete_jobs() -> ResponseReturnValue:
    """Delete the chosen jobs; asks first, with what would be lost."""
    ids = [JobId(found) for found in request.form.getlist("job")][:_ALL]
    if not ids:
        flash(_("Choose the jobs first."), "error")
        return redirect(url_for("jobs.list_jobs"), 303)
    if not request.form.get("sure"):
        with reading() as session:
            rows = _rows(session, jobs.list_by_id(session, account_id(), ids))
        return render_template("jobs/delete.html", rows=[row for row in rows if not row["is_over"]])
    with writing() as session:
        asked = requests.cancel_many(session, account_id(), ids, actor())
    said = ngettext(
        "The gateways were asked to delete %(num)s job.",
        "The gateways were asked to delete %(num)s jobs.",
        len(asked),
    )
    return done(said, "jobs.list_jobs")


@bp.get("/<job_id>")
@requires(Permission.SEE_JOBS)
def show_job(job_id: str) -> ResponseReturnValue:
    with reading() as session:
        return render_template("jobs/show.html", **_values(session, JobId(job_id)))


@bp.get("/<job_id>/live")
@requires(Permission.SEE_JOBS)
def live_job(job_id: str) -> ResponseReturnValue:
    with reading() as session:
        return fragment("jobs/live.html", **_values(session, JobId(job_id)))


@bp.post("/<job_id>/release")
@requires(Permission.CHANGE_JOBS)
def release_job(job_id: str) -> ResponseReturnValue:
    """Ask the job's home gateway to release it; its own event says when it has."""
    with writing() as session:
        chosen = PrinterId(request.form.get("printer_id", ""))
        printer = printers.get_printer(session, account_id(), chosen)
        requests.release(session, account_id(), JobId(job_id), printer.id, actor())
    return done(
        _("The gateway was asked to print it at %(printer)s.", printer=printer.name),
        "jobs.show_job",
        job_id=job_id,
    )


@bp.post("/<job_id>/delete")
@requires(Permission.CHANGE_JOBS)
def delete_job(job_id: str) -> ResponseReturnValue:
    with writing() as session:
        requests.cancel(session, account_id(), JobId(job_id), actor())
    return done(_("The gateway was asked to delete it."), "jobs.show_job", job_id=job_id)


@bp.get("/<job_id>/give")
@requires(Permission.CHANGE_JOBS, Permission.SEE_PEOPLE)
def choose_owner(job_id: str) -> ResponseReturnValue:
    """Find the person whose a job is that came without a known user."""
    with reading() as session:
        return _give_page(session, JobId(job_id), "")


@bp.post("/<job_id>/give")
@requires(Permission.CHANGE_JOBS, Permission.SEE_PEOPLE)
def give_job(job_id: str) -> ResponseReturnValue:
    owner_id = UserId(request.form.get("owner_id", ""))
    try:
        with writing() as session:
            requests.reassign(session, account_id(), JobId(job_id), owner_id, actor())
            name = users.names(session, tenant(), [owner_id])[owner_id]
    except (ConflictError, InvalidError) as error:
        with reading() as session:
            return _give_page(session, JobId(job_id), sentence(str(error))), 422
    return done(
        _("The gateway was asked to give it to %(name)s.", name=name),
        "jobs.show_job",
        job_id=job_id,
    )


def _give_page(session: Session, job_id: JobId, trouble: str) -> str:
    job = jobs.get_job(session, account_id(), job_id).job
    text = request.args.get("q", job.claimed_name or "").strip()
    found = users.list_users(session, tenant(), text=text or None, enabled=True, limit=_PEOPLE)
    return render_template(
        "jobs/give.html",
        job=job,
        title=words.shown_title(job, show=shows_titles()),
        claimed=job.claimed_name,
        text=text,
        people=found.items,
        there_are_more=found.next_cursor is not None,
        trouble=trouble,
    )


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "") for name in _FILTERS}


def _page(session: Session, cursor: str | None, limit: int = DEFAULT_LIMIT) -> Page[Any]:
    filters = _filters()
    _label, states, reason = _STATES.get(filters["state"], ("", (), ""))
    return jobs.list_jobs(
        session,
        account_id(),
        # Whoever may not read titles may not find jobs by them either.
        text=filters["q"] if shows_titles() and filters["q"] else None,
        states=states,
        reason=reason,
        owner_id=UserId(filters["person"]) if filters["person"] else None,
        printer_id=PrinterId(filters["printer"]) if filters["printer"] else None,
        order=request.args.get("order", ""),
        cursor=cursor,
        limit=limit,
    )


def _rows(session: Session, found: Sequence[Any]) -> list[dict[str, Any]]:
    names = jobs.names_of(session, account_id(), found)
    return [_row(job, names) for job in found]


def _row(job: Any, names: Mapping[str, str]) -> dict[str, Any]:
    tone, state = words.state_words(job)
    return {
        "id": job.id,
        "title": words.shown_title(job, show=shows_titles()),
        "person": words.owner_name(job, names),
        "is_claimed": job.identity == "claimed",
        "queue": names.get(job.queue_id, ""),
        "tone": tone,
        "state": state,
        "is_over": JobState(job.state).is_final,
        "pages": words.pages_words(job),
        "impressions": job.impressions,
        "printer": names.get(job.printer_id or "", ""),
        "received_at": job.received_at,
    }


def _printers(session: Session) -> list[tuple[str, str]]:
    known = printers.list_printers(session, account_id(), limit=_ALL).items
    return [(printer.id, printer.name) for printer in known]


def _values(session: Session, job_id: JobId) -> dict[str, Any]:
    detail = jobs.get_job(session, account_id(), job_id)
    wished = commands.list_about_job(session, tenant(), detail.job.gateway_id, job_id)
    job, now = detail.job, utc_now()
    names = words.Names(
        owner=words.owner_name(job, detail.names),
        queue=detail.names.get(job.queue_id, _("a queue that is gone")),
        gateway=detail.names.get(job.gateway_id, _("a gateway that is gone")),
        by_id=detail.names,
    )
    tone, _state = words.state_words(job)
    home = gateways.states(session, [job.gateway_id]).get(job.gateway_id)
    is_held = job.state == JobState.PENDING_HELD and may(Permission.CHANGE_JOBS)
    shown = {
        "id": job.id,
        "title": words.shown_title(job, show=shows_titles()),
        "tone": tone,
        "summary": words.summary(job, names, now),
        "old": words.old_news(job, names, home, now),
        "is_unread": parked.is_parked(session, job.gateway_id, f"job:{job.id}"),
        "why": words.why_not_printed(job, now),
        "hops": timeline.way(job, detail.timeline, detail.counts, names, wished),
        "pages": words.pages_by_source(job, detail.counts),
        "ticket": ticket_words(job.ticket),
        "who_sees": words.who_sees(names, shows_titles=shows_titles()),
        "gateway": names.gateway,
        "number": job.number,
        "kept_until": job.kept_until,
        "may_release": is_held and job.owner_id is not None,
        "may_give": is_held and Hold.QUARANTINE.value in job.reasons and may(Permission.SEE_PEOPLE),
        "may_delete": may(Permission.CHANGE_JOBS) and not JobState(job.state).is_final,
    }
    return {
        "job": shown,
        "received": format_moment(job.received_at, now),
        "printers": _printers(session) if shown["may_release"] else (),
    }
