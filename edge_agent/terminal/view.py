"""What a terminal is told: one JSON object per state, in the person's language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edge_agent.identity.shown import Screen, Shown
from shared.i18n import format_moment, ngettext, reading_as, translated
from shared.i18n import gettext as _
from shared.job_states import Hold, JobState
from shared.messages.calls import WaitingJob
from shared.messages.records import AccountRecord, PrinterRecord

UNPAIRED = {"state": "unpaired"}


def state_of(
    shown: Shown,
    account: AccountRecord,
    printer: PrinterRecord | None,
    status: tuple[str, str],
    *,
    now: datetime,
    monotonic: float,
) -> dict[str, Any]:
    """Say what the screen shows; ``status`` is the printer's, as a word and a sentence."""
    language = shown.language or account.language
    with reading_as(language, account.time_zone):
        left = None if shown.ends_at is None else max(0, math.ceil(shown.ends_at - monotonic))
        in_session = shown.screen is Screen.SESSION
        person = shown.person
        return {
            "state": shown.screen.value,
            "printer": {
                "name": printer.name if printer else _("Unknown printer"),
                "status": status[0],
                "says": translated(status[1]),
            },
            "person": {"display_name": person.display_name} if person else None,
            "jobs": [job_of(job, now) for job in shown.jobs] if in_session else [],
            "signs_out_in": left if shown.screen in (Screen.SESSION, Screen.PIN) else None,
            "message": shown.message,
            "language": language,
        }


def job_of(job: WaitingJob, now: datetime) -> dict[str, Any]:
    """One waiting job in a line."""
    why_not = _why_not(job)
    return {
        "id": job.id,
        "title": job.title,
        "pages": job.impressions,
        "detail": " · ".join(_details(job, now)),
        "printable": not why_not,
        "why_not": why_not,
        "checked": not why_not,
    }


def _why_not(job: WaitingJob) -> str:
    if job.state is not JobState.PENDING_HELD:
        return translated(job.message) or _("on its way to the printer")
    if Hold.INCOMING.value in job.reasons:
        return _("still arriving")
    if Hold.UNCERTAIN.value in job.reasons:
        return translated(job.message) or _("a person must look whether it was printed already")
    return ""


def _details(job: WaitingJob, now: datetime) -> list[str]:
    parts = []
    if job.impressions is not None:
        parts.append(ngettext("%(num)s page", "%(num)s pages", job.impressions))
    copies = _first(job.ticket, "copies")
    if isinstance(copies, int) and copies > 1:
        parts.append(ngettext("%(num)s copy", "%(num)s copies", copies))
    colors = {"monochrome": _("black and white"), "color": _("colour")}
    parts.append(colors.get(str(_first(job.ticket, "print-color-mode")), ""))
    if str(_first(job.ticket, "sides")).startswith("two-sided"):
        parts.append(_("two-sided"))
    sent = format_moment(job.created_at, now)
    if job.source_host:
        parts.append(_("sent %(when)s from %(host)s", when=sent, host=job.source_host))
    else:
        parts.append(_("sent %(when)s", when=sent))
    if job.identity == "claimed":
        parts.append(_("sender not verified"))
    return [part for part in parts if part]


def _first(ticket: Mapping[str, Any], name: str) -> Any:
    value = ticket.get(name)
    return value[0] if isinstance(value, list | tuple) and value else value
