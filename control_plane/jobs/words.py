"""A job in sentences: how it is, why, whose it is and how many pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from control_plane.gateways.models import GatewayState
from control_plane.gateways.things import SILENT_AFTER
from control_plane.jobs.models import Job, JobCount
from control_plane.jobs.repository import LOST, ON_ITS_WAY
from shared.i18n import format_moment, format_number, gettext, mark, ngettext, translated
from shared.job_states import Hold, JobState

_ = gettext

_STATES: Final[Mapping[int, tuple[str, str]]] = {
    JobState.PENDING: ("ok", mark("Going to the printer")),
    JobState.PENDING_HELD: ("off", mark("Waiting")),
    JobState.PROCESSING: ("ok", mark("Printing")),
    JobState.PROCESSING_STOPPED: ("warn", mark("Printer stopped")),
    JobState.CANCELED: ("off", mark("Deleted")),
    JobState.ABORTED: ("bad", mark("Not printed")),
    JobState.COMPLETED: ("ok", mark("Printed")),
}
_REASONS: Final[Mapping[str, str]] = {
    Hold.OWNER.value: mark("It waits until its owner taps a card or releases it."),
    Hold.SENDER.value: mark("Its sender asked to hold it."),
    Hold.INCOMING.value: mark("It is still arriving."),
    Hold.UNCERTAIN.value: mark(
        "It may or may not have printed: the printer could not tell. Look at the printer, then "
        "release or delete it."
    ),
    Hold.QUARANTINE.value: mark("Nobody knows whose it is, so nobody can collect it."),
    Hold.NEW.value: mark("The operator of its queue looks at it first."),
    "printer-stopped": mark("The printer has stopped."),
    "media-empty": mark("The printer is out of paper."),
    "job-canceled-by-user": mark("Its owner deleted it."),
    "job-canceled-by-operator": mark("An operator deleted it."),
    "job-canceled-at-device": mark("It was deleted at the printer."),
    "job-retention-expired": mark("Its time was over, so it was erased."),
    "aborted-by-system": mark("It could not be printed."),
    "document-format-error": mark("The printer cannot read this document."),
    "unsupported-document-format": mark("The printer does not take this kind of document."),
    LOST: mark(
        "The gateway was set back to an older state, or got another disk; this job is no longer on "
        "it. Who still needs it sends it again."
    ),
    ON_ITS_WAY: mark(
        "It was on its way to a printer, and nobody can tell whether it printed: look there first."
    ),
    "printer-unreachable": mark("The printer does not answer."),
    "connecting-to-device": mark("The gateway is calling the printer."),
}
_SOURCES: Final[Mapping[str, str]] = {
    "document": mark("before print"),
    "printer": mark("printer says"),
    "counter": mark("counter"),
}
_CONFIDENCE: Final[Mapping[str, str]] = {
    "high": mark("certain"),
    "low": mark("uncertain"),
    "none": mark("not counted"),
}
_HOLDS: Final = frozenset(hold.value for hold in Hold)


@dataclass(frozen=True, slots=True)
class Names:
    """How the ids of one job are called; a thing that is gone has no name."""

    owner: str
    queue: str
    gateway: str
    by_id: Mapping[str, str]

    def of(self, thing_id: str | None, otherwise: str = "") -> str:
        return self.by_id.get(thing_id or "", otherwise)


def state_words(job: Job) -> tuple[str, str]:
    """The dot's tone, and the state in a word."""
    if {Hold.UNCERTAIN.value, ON_ITS_WAY} & set(job.reasons):
        return "warn", _("Outcome unknown")
    if LOST in job.reasons:
        return "bad", _("Lost")
    if Hold.QUARANTINE.value in job.reasons:
        return "warn", _("Nobody's")
    tone, words = _STATES.get(job.state, ("off", ""))
    return tone, _(words)


def reason_sentences(reasons: Sequence[str]) -> list[str]:
    return [_(_REASONS[reason]) for reason in reasons if reason in _REASONS]


def why_not_printed(job: Job, now: datetime) -> str:
    """Why it has not printed, in sentences for its owner; empty once it has."""
    if job.state == JobState.COMPLETED:
        return ""
    # A message tells the cause better than a keyword; why it is held stands beside it.
    told = [reason for reason in job.reasons if not job.message or reason in _HOLDS]
    said = [translated(job.message)] if job.message else []
    said += reason_sentences(told)
    if job.state == JobState.PENDING_HELD:
        kept = format_moment(job.kept_until, now)
        said.append(_("It is kept until %(moment)s.", moment=kept))
    return " ".join(said)


def old_news(job: Job, names: Names, home: GatewayState | None, now: datetime) -> str:
    """Say that nobody knows how a job is now, while its gateway is silent; else nothing."""
    heard = home.last_seen_at if home else None
    if JobState(job.state).is_final or home is None or heard is None:
        return ""
    if home.presence == "here" and now - heard < SILENT_AFTER:
        return ""
    return _(
        "Gateway %(gateway)s was last heard %(moment)s. This is how the job was then; it may "
        "have been printed or deleted there since.",
        gateway=names.gateway,
        moment=format_moment(heard, now),
    )


def pages_words(job: Job) -> str:
    if job.impressions is None:
        return _("not counted")
    pages = ngettext("%(num)s page", "%(num)s pages", job.impressions)
    if not job.color_impressions:
        return pages
    colour = format_number(job.color_impressions)
    return _("%(pages)s, %(colour)s in colour", pages=pages, colour=colour)


def summary(job: Job, names: Names, now: datetime) -> str:
    """The line below the title."""
    _tone, state = state_words(job)
    since = format_moment(job.ended_at or job.received_at, now)
    state = _("%(state)s since %(moment)s", state=state, moment=since)
    if job.state in (JobState.COMPLETED, JobState.CANCELED, JobState.ABORTED):
        state = f"{state_words(job)[1]} {since}"
    return " · ".join((names.owner, names.queue, pages_words(job), state))


def confidence(count: JobCount) -> str:
    return _(_CONFIDENCE.get(count.confidence, count.confidence))


def pages_by_source(job: Job, counts: Sequence[JobCount]) -> list[tuple[str, str]]:
    """What each source says of the pages, also when it has not said anything yet."""
    known = {count.source: count for count in counts}
    rows = []
    for source, label in _SOURCES.items():
        count = known.get(source)
        if count is None:
            said = _("not yet") if not JobState(job.state).is_final else _("nothing")
        elif count.impressions is None:
            said = f"{_('not counted')} · {count.note}" if count.note else _("not counted")
        else:
            said = f"{format_number(count.impressions)} · {confidence(count)}"
        rows.append((_(label), said))
    return rows


def owner_name(job: Job, names: Mapping[str, str]) -> str:
    """Name whose job it is, by what is known or else by what its sender claimed."""
    if job.owner_id and job.owner_id in names:
        return names[job.owner_id]
    return job.claimed_name or _("somebody unknown")


def shown_title(job: Job, *, show: bool) -> str:
    return job.title if show else _("a document")


def who_sees(names: Names, *, shows_titles: bool) -> str:
    """Who may see this job, and why."""
    owner = _("%(owner)s, at every printer and terminal they may use.", owner=names.owner)
    if shows_titles:
        return " ".join((owner, _("Administrators see the title, never the document.")))
    return " ".join((owner, _("You see no titles, because this account does not allow it.")))
