"""A job in sentences: how it is, why, and the way it went, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from control_plane.commands.models import Command
from control_plane.gateways.models import GatewayState
from control_plane.gateways.things import SILENT_AFTER
from control_plane.jobs.models import Job, JobCount, JobEvent
from control_plane.jobs.repository import LOST, ON_ITS_WAY
from control_plane.jobs.rows import FOUND as FOUND_EVENT
from control_plane.jobs.rows import LOST as LOST_EVENT
from shared.i18n import (
    format_bytes,
    format_moment,
    format_number,
    format_time,
    gettext,
    mark,
    ngettext,
)
from shared.job_states import Hold, JobState
from shared.messages.commands import CommandKind, CommandState

_ = gettext

STATES: Final[Mapping[int, tuple[str, str]]] = {
    JobState.PENDING: ("ok", mark("Going to the printer")),
    JobState.PENDING_HELD: ("off", mark("Waiting")),
    JobState.PROCESSING: ("ok", mark("Printing")),
    JobState.PROCESSING_STOPPED: ("warn", mark("Printer stopped")),
    JobState.CANCELED: ("off", mark("Deleted")),
    JobState.ABORTED: ("bad", mark("Not printed")),
    JobState.COMPLETED: ("ok", mark("Printed")),
}
REASONS: Final[Mapping[str, str]] = {
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
_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "released": ("done", mark("Released")),
    "held": ("wait", mark("Held")),
    "started": ("done", mark("Taken up for printing")),
    "sending": ("done", mark("Sending to the printer")),
    "returned": ("wait", mark("Given back: the printer took nothing")),
    "printed": ("done", mark("Printed")),
    "refused": ("bad", mark("Refused by the printer")),
    "stopped": ("wait", mark("The printer stopped")),
    "resumed": ("done", mark("The printer goes on")),
    "outcome-unknown": ("wait", mark("Nobody can tell whether it printed")),
    "canceled": ("done", mark("Deleted")),
    "expired": ("done", mark("Erased: its time was over")),
    "aborted": ("bad", mark("Given up")),
    "restarted": ("done", mark("Asked for again")),
    "lost": ("bad", mark("No longer on its gateway")),
    "found": ("done", mark("On its gateway again")),
    "tapped": ("wait", mark("Card tapped")),
    "waiting": ("wait", mark("Waiting for the printer")),
}
_PLAIN: Final = frozenset({"released", "started", "sending", "printed", "resumed"})
_BY: Final[Mapping[str, str]] = {
    "card": mark("by a card at the printer"),
    "terminal": mark("at the terminal"),
    "ipp": mark("by the print client"),
    "portal": mark("in the portal"),
    "command": mark("by an administrator"),
}
_PROTOCOLS: Final[Mapping[str, str]] = {
    "ipp": mark("by IPP"),
    "ipps": mark("by IPP over TLS"),
    "lpd": mark("by LPD"),
    "raw": mark("by raw printing"),
    "web": mark("by upload"),
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
_ANSWERS: Final[Mapping[str, tuple[str, str]]] = {
    CommandState.QUEUED.value: ("wait", mark("the gateway has not answered yet")),
    CommandState.IN_PROGRESS.value: ("wait", mark("the gateway is at it")),
    CommandState.FAILED.value: ("bad", mark("the gateway could not")),
    CommandState.REJECTED.value: ("bad", mark("the gateway refused")),
    CommandState.TIMED_OUT.value: (
        "bad",
        mark("the gateway did not answer in time; nothing prints late"),
    ),
}
_ASKED: Final[Mapping[str, str]] = {
    CommandKind.RELEASE_JOB.value: mark("Asked to print it"),
    CommandKind.CANCEL_JOB.value: mark("Asked to delete it"),
    CommandKind.REASSIGN_JOB.value: mark("Asked to give it to its person"),
}
FORMATS: Final[Mapping[str, str]] = {
    "application/pdf": "PDF",
    "application/postscript": "PostScript",
    "image/jpeg": "JPEG",
    "image/pwg-raster": "PWG raster",
    "image/urf": "Apple raster",
    "application/octet-stream": mark("unknown kind"),
}


@dataclass(frozen=True, slots=True)
class Hop:
    """One knot on the line: what, in bold, and the small print below it."""

    at: datetime | None
    when: str
    tone: str  # done | wait | bad | next
    title: str
    more: str = ""
    below: str = ""


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
    tone, words = STATES.get(job.state, ("off", ""))
    return tone, _(words)


def reason_sentences(reasons: Sequence[str]) -> list[str]:
    return [_(REASONS[reason]) for reason in reasons if reason in REASONS]


def why_not_printed(job: Job, now: datetime) -> str:
    """Why it has not printed, in sentences for its owner; empty once it has."""
    if job.state == JobState.COMPLETED:
        return ""
    # A message tells the cause better than a keyword; why it is held stands beside it.
    told = [reason for reason in job.reasons if not job.message or reason in _HOLDS]
    said = [job.message] if job.message else []
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


def way(
    job: Job,
    events: Sequence[JobEvent],
    counts: Sequence[JobCount],
    names: Names,
    commands: Sequence[Command] = (),
) -> list[Hop]:
    """The way of a job, in the order it happened, and in grey what comes next."""
    hops = [_received(job, events, names), _sealed(job, names)]
    if job.state == JobState.PENDING_HELD or _was_held(events):
        hops.append(_held(job))
    rest = [_event(event, names) for event in events if _is_after_receipt(event)]
    rest += [_counted(count) for count in counts]
    rest += asked(commands)
    hops += sorted((hop for hop in rest if hop.at), key=lambda hop: hop.at or job.received_at)
    return [*_short_times(hops), *_next(job)]


def _is_after_receipt(event: JobEvent) -> bool:
    """What is told of a disk stands beside the last revision, which may be the first of all."""
    return event.event in (LOST_EVENT, FOUND_EVENT) or (
        event.revision > 1 and event.event != "received"
    )


def _was_held(events: Sequence[JobEvent]) -> bool:
    first = min(events, key=lambda event: (event.home_epoch, event.revision), default=None)
    return first is not None and (first.state == JobState.PENDING_HELD or first.event == "released")


def _received(job: Job, events: Sequence[JobEvent], names: Names) -> Hop:
    sender = job.source_address
    if job.source_host:
        sender = f"{job.source_host} ({job.source_address})"
    by = _PROTOCOLS.get(job.source_protocol)
    more = _(
        "%(protocol)s from %(sender)s", protocol=_(by) if by else job.source_protocol, sender=sender
    )
    remarks = [event.message for event in events if event.event == "received" and event.message]
    below = " · ".join((_identity(job, names), _taken(job), *remarks[:1]))
    return Hop(job.received_at, "", "done", _("Received"), more, below)


def _identity(job: Job, names: Names) -> str:
    match job.identity:
        case "verified":
            return _("signed in as %(name)s", name=names.owner)
        case "claimed":
            return _("says it is %(name)s; nobody checked", name=job.claimed_name or names.owner)
    return _("without a known user")


def _taken(job: Job) -> str:
    return _("%(size)s in %(ms)s ms", size=format_bytes(job.size_bytes), ms=job.received_ms)


def _sealed(job: Job, names: Names) -> Hop:
    kind = FORMATS.get(job.document_format, job.document_format)
    finger = f"{job.sha256[:4]}…{job.sha256[-4:]}" if job.sha256 else ""
    below = " · ".join(
        part
        for part in (_(kind), _("fingerprint %(finger)s", finger=finger) if finger else "")
        if part
    )
    more = _("at gateway %(gateway)s", gateway=names.gateway)
    return Hop(job.received_at, "", "done", _("On disk, sealed"), more, below)


def _held(job: Job) -> Hop:
    return Hop(job.received_at, "", "done", _("Held"), _("until its owner is at a printer"), "")


def _event(event: JobEvent, names: Names) -> Hop:
    tone, words = _EVENTS.get(event.event, ("done", event.event))
    if event.event == "refused" and event.state == JobState.PENDING_HELD:
        tone, words = "wait", mark("Release refused")
    place = names.of(event.printer_id)
    more = [_("at %(printer)s", printer=place)] if place else []
    if event.by in _BY:
        more.append(_(_BY[event.by]))
    # Of what went well the title says enough; a cause is worth its sentence.
    below = [event.message] if event.message and event.event not in _PLAIN else []
    if not below and tone != "done":
        below = reason_sentences(event.reasons)
    if event.first_byte_ms is not None:
        below.append(_("first byte at the printer %(ms)s ms after the tap", ms=event.first_byte_ms))
    return Hop(
        event.at, "", tone, _(words), ", ".join(part for part in more if part), " · ".join(below)
    )


def asked(commands: Sequence[Command]) -> list[Hop]:
    """What was asked of the gateway and has not come true: what did is in the timeline."""
    hops = []
    for command in commands:
        if command.state == CommandState.SUCCEEDED.value:
            continue
        title = _(_ASKED.get(command.kind, command.kind))
        tone, below = _ANSWERS.get(command.state, ("wait", ""))
        said = " · ".join(part for part in (_(below), command.message) if part)
        hops.append(Hop(command.issued_at, "", tone, title, "", said))
    return hops


def _counted(count: JobCount) -> Hop:
    if count.impressions is None:
        return Hop(count.at, "", "done", _("Not counted"), "", count.note)
    pages = ngettext("%(num)s page", "%(num)s pages", count.impressions)
    title, source = {
        "document": (_("Counted"), _("read from the document")),
        "printer": (_("The printer says"), _("its own figure")),
        "counter": (_("The counter says"), _("from the device's counter")),
    }.get(count.source, (_("Counted"), count.source))
    return Hop(count.at, "", "done", title, pages, f"{source} · {confidence(count)}")


def confidence(count: JobCount) -> str:
    return _(_CONFIDENCE.get(count.confidence, count.confidence))


def _short_times(hops: Sequence[Hop]) -> Iterator[Hop]:
    """Write the minute once, then only the seconds that are new."""
    last = ""
    for hop in hops:
        text = format_time(hop.at, milliseconds=True) if hop.at else ""
        short = text[8:] if last and text[:8] == last[:8] else text
        last = text
        yield replace(hop, when=short)


def _next(job: Job) -> Iterator[Hop]:
    coming: Mapping[int, Sequence[str]] = {
        JobState.PENDING_HELD: (_("Released"), _("Sending"), _("Printed"), _("Accounted")),
        JobState.PENDING: (_("Sending"), _("Printed"), _("Accounted")),
        JobState.PROCESSING: (_("Printed"), _("Accounted")),
        JobState.PROCESSING_STOPPED: (_("Printed"), _("Accounted")),
    }
    if job.state in coming:
        yield Hop(None, "", "next", " · ".join(coming[job.state]))


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
