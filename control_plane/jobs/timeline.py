"""The way of a job, knot by knot: what happened to it, what was counted, what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from control_plane.commands.models import Command
from control_plane.jobs.models import Job, JobCount, JobEvent
from control_plane.jobs.rows import FOUND, LOST
from control_plane.jobs.words import Names, confidence, reason_sentences
from shared.i18n import format_bytes, format_time, gettext, mark, ngettext, translated
from shared.job_states import JobState
from shared.messages.commands import CommandKind, CommandState

_ = gettext

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
_FORMATS: Final[Mapping[str, str]] = {
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
    return event.event in (LOST, FOUND) or (event.revision > 1 and event.event != "received")


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
    below = " · ".join((_identity(job, names), _taken(job), *map(translated, remarks[:1])))
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
    kind = _FORMATS.get(job.document_format, job.document_format)
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
    below = [translated(event.message)] if event.message and event.event not in _PLAIN else []
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
        said = " · ".join(part for part in (_(below), translated(command.message)) if part)
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
