"""A job as IPP tells of it (RFC 8011 section 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge_agent.intake import attributes as a
from edge_agent.intake import templates
from edge_agent.jobs import words
from edge_agent.jobs.model import Job
from shared.i18n import gettext as _
from shared.i18n import mark, translated
from shared.ipp.decode import decode_groups
from shared.ipp.errors import DecodeError
from shared.ipp.message import Attribute
from shared.job_states import Hold, JobState, hold_keywords

DEFAULT_OF_GET_JOBS: Final = ("job-id", "job-uri")

_END_REASONS: Final = {
    JobState.COMPLETED: "job-completed-successfully",
    JobState.CANCELED: "job-canceled-by-user",
    JobState.ABORTED: "aborted-by-system",
}
_STATE_SAYS: Final = {
    JobState.PENDING: mark("It goes to the printer next."),
    JobState.PROCESSING: mark("It is being printed."),
    JobState.PROCESSING_STOPPED: mark("The printer has stopped."),
    JobState.CANCELED: mark("It was canceled."),
    JobState.ABORTED: mark("It could not be printed."),
    JobState.COMPLETED: mark("It was printed."),
}


@dataclass(frozen=True, slots=True)
class JobView:
    """How one requester sees jobs."""

    printer_uri: str  # as the client reached it
    now: datetime
    titles: bool  # whether names of jobs are shown
    user_name: Callable[[Job], str]


def describe_job(job: Job, view: JobView, requested: Sequence[str]) -> tuple[Attribute, ...]:
    """Choose a job's attributes; keywords 'all', 'job-description' and 'job-template' work.

    ``requested`` is what ``known_names`` leaves of a client's wishes.
    """
    wanted = set(requested)
    if "all" in wanted or "job-description" in wanted:
        described = [make(job) for make in _OF_THE_JOB.values()]
        described += [make(job, view) for make in _OF_THE_VIEW.values()]
    else:
        described = [_describe(name, job, view) for name in requested if name in _NAMES]
    if "all" in wanted or "job-template" in wanted:
        described += template_of(job)
    elif not wanted <= _NAMES:
        described += [item for item in template_of(job) if item.name in wanted]
    return tuple(described)


def known_names(requested: Sequence[str]) -> tuple[str, ...]:
    """Keep of the names that a client wrote those that mean something, each once.

    A client may write a hundred thousand, and each of a thousand jobs is described by them.
    """
    return tuple(dict.fromkeys(name for name in requested if name in _CHOICES))


def describe_new_job(job: Job, printer_uri: str) -> tuple[Attribute, ...]:
    """Give what the answer to a job's creation must have (RFC 8011 section 4.2.1.2)."""
    return (
        a.integer("job-id", job.number),
        a.uri("job-uri", job_uri(printer_uri, job.number)),
        a.enum("job-state", state_of(job)),
        a.keyword("job-state-reasons", *reasons_of(job)),
        a.text("job-state-message", message_of(job)),
    )


def _describe(name: str, job: Job, view: JobView) -> Attribute:
    make = _OF_THE_JOB.get(name)
    return make(job) if make is not None else _OF_THE_VIEW[name](job, view)


def template_of(job: Job) -> tuple[Attribute, ...]:
    """The template attributes that the job was sent with."""
    ours: tuple[Attribute, ...] = ()
    if Hold.SENDER in job.holds:
        ours = (a.keyword("job-hold-until", "indefinite"),)
    elif job.ticket.get("job-hold-until"):
        ours = (a.keyword("job-hold-until", "no-hold"),)  # lifted meanwhile, or said at once
    if not job.ticket_ipp:
        return ours
    try:
        groups = decode_groups(job.ticket_ipp)
    except DecodeError:  # another version wrote it; the job itself is well
        return ours
    return (*ours, *(item for group in groups for item in group.attributes))


def state_of(job: Job) -> JobState:
    """Give ``job-state``: what only waits for its paused queue is pending (RFC 8011 5.3.8)."""
    return JobState.PENDING if job.holds == {Hold.PAUSED} else job.state


def reasons_of(job: Job) -> tuple[str, ...]:
    """Give ``job-state-reasons``; a held job always has one (I9)."""
    reasons = (*hold_keywords(job.holds), *job.reasons)
    if not reasons and job.state in _END_REASONS:
        reasons = (_END_REASONS[job.state],)
    return tuple(dict.fromkeys(reasons)) or ("none",)


def message_of(job: Job) -> str:
    """Give ``job-state-message``: the job's own, or what its state means."""
    if job.message:
        return translated(job.message)
    if job.state is JobState.PENDING_HELD:
        return _(words.of_holds(job.holds))
    return _(_STATE_SAYS[job.state])


def job_uri(printer_uri: str, number: int) -> str:
    return f"{printer_uri}/jobs/{number}"


def seconds(moment: datetime | None) -> int | None:
    """Write a moment as ``printer-up-time`` counts: seconds since 1970, as CUPS does."""
    return None if moment is None else int(moment.timestamp())


_OF_THE_JOB: Final[dict[str, Callable[[Job], Attribute]]] = {
    "job-id": lambda j: a.integer("job-id", j.number),
    "job-state": lambda j: a.enum("job-state", state_of(j)),
    "job-state-reasons": lambda j: a.keyword("job-state-reasons", *reasons_of(j)),
    "job-state-message": lambda j: a.text("job-state-message", message_of(j)),
    "job-uuid": lambda j: a.uri("job-uuid", f"urn:uuid:{j.id}"),
    "time-at-creation": lambda j: a.integer("time-at-creation", seconds(j.created_at) or 0),
    "time-at-processing": lambda j: a.integer_or_nothing(
        "time-at-processing", seconds(j.processing_at)
    ),
    "time-at-completed": lambda j: a.integer_or_nothing(
        "time-at-completed", seconds(j.completed_at)
    ),
    "date-time-at-creation": lambda j: a.date_time("date-time-at-creation", j.created_at),
    "date-time-at-processing": lambda j: a.date_time("date-time-at-processing", j.processing_at),
    "date-time-at-completed": lambda j: a.date_time("date-time-at-completed", j.completed_at),
    "document-format": lambda j: a.media_type(
        "document-format", j.document_format or "application/octet-stream"
    ),
    "job-k-octets": lambda j: a.integer("job-k-octets", -(-j.size_bytes // 1024)),
    "job-impressions": lambda j: a.integer_or_nothing("job-impressions", j.impressions),
    "job-impressions-completed": lambda j: a.integer(
        "job-impressions-completed", j.impressions_completed or 0
    ),
}
_OF_THE_VIEW: Final[dict[str, Callable[[Job, JobView], Attribute]]] = {
    "job-uri": lambda j, v: a.uri("job-uri", job_uri(v.printer_uri, j.number)),
    "job-name": lambda j, v: a.name("job-name", j.title if v.titles else _("Document")),
    "job-originating-user-name": lambda j, v: a.name("job-originating-user-name", v.user_name(j)),
    "job-printer-uri": lambda _j, v: a.uri("job-printer-uri", v.printer_uri),
    "job-printer-up-time": lambda _j, v: a.integer("job-printer-up-time", seconds(v.now) or 1),
}
_NAMES: Final = frozenset({*_OF_THE_JOB, *_OF_THE_VIEW})
_GROUPS: Final = frozenset({"all", "job-description", "job-template"})
_CHOICES: Final = _NAMES | _GROUPS | templates.SENT_ON | templates.OURS
