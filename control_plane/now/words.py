"""How an account is, in sentences for the page "Now"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from control_plane.audit.words import sentence
from control_plane.jobs.models import Job
from control_plane.jobs.words import owner_name, shown_title
from control_plane.now.service import Now, SiteNow
from control_plane.now.steps import Step, first_steps
from control_plane.now.troubles import Trouble, troubles_of
from shared.i18n import (
    format_duration,
    format_number,
    format_time,
    gettext,
    ngettext,
)
from shared.job_states import JobState

_ = gettext
Link = Callable[..., str]  # url_for, or a stand-in

FRESH: Final = timedelta(seconds=150)
OLD: Final = timedelta(minutes=10)
BAR: Final = 128
# In the audit, and no news for the morning.
_EVERYDAY: Final = frozenset(
    {"sign-in.ok", "sign-out", "gateway.serves", "command.asked", "command.succeeded"}
)
_SORT: Final = {"bad": 0, "warn": 1, "off": 2, "ok": 3}


@dataclass(frozen=True, slots=True)
class Headline:
    calm: str
    warm: str
    below: str


@dataclass(frozen=True, slots=True)
class SiteLine:
    name: str
    tone: str
    href: str
    gateways: str
    printers: str
    waiting: int
    waiting_href: str
    knows: str
    is_old: bool
    if_cut: str


@dataclass(frozen=True, slots=True)
class Hour:
    label: str
    words: str
    height: int
    tone: str


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    words: str
    href: str
    key: str


@dataclass(frozen=True, slots=True)
class Page:
    headline: Headline
    calm_note: str
    troubles: Sequence[Trouble]
    steps: Sequence[Step]
    sites: Sequence[SiteLine]
    waiting: int
    oldest_waiting_at: datetime | None
    printed_jobs: int
    printed_pages_words: str
    hours: Sequence[Hour]
    hours_words: str
    lines: Sequence[Line]


def page(now: Now, link: Link, *, show_titles: bool = True) -> Page:
    """Write the page."""
    troubles = list(troubles_of(now, link))
    oldest = [g.oldest_waiting_at for g in now.gateways if g.oldest_waiting_at]
    return Page(
        headline=_headline(now, troubles),
        calm_note=_calm_note(now),
        troubles=troubles,
        steps=first_steps(now, link),
        sites=sorted(
            (_site_line(site, now, link) for site in now.sites),
            key=lambda line: (_SORT[line.tone], line.name),
        ),
        waiting=sum(gateway.waiting for gateway in now.gateways),
        oldest_waiting_at=min(oldest, default=None),
        printed_jobs=now.printed_jobs,
        printed_pages_words=_pages_words(now),
        hours=_hours(now),
        hours_words=_("Jobs received in each of the last %(count)s hours", count=len(now.hours)),
        lines=_lines(now, link, show_titles=show_titles),
    )


def _headline(now: Now, troubles: Sequence[Trouble]) -> Headline:
    sites = [site for site in now.sites if site.id is not None or site.gateways]
    working = sum(site.is_printing for site in sites)
    if not sites:
        calm = _("Nothing is set up yet.")
    elif working == len(sites) == 2:  # noqa: PLR2004 - there is a word for it
        calm = _("Both sites are printing.")
    elif working == len(sites):
        calm = ngettext("Your site is printing.", "All %(num)s sites are printing.", len(sites))
    elif not working and not any(gateway.is_enrolled for gateway in now.gateways):
        calm = _("Nothing prints yet.")
    else:
        calm = ngettext(
            "%(printing)s of %(num)s site is printing.",
            "%(printing)s of %(num)s sites are printing.",
            len(sites),
            printing=format_number(working),
        )
    return Headline(calm, _need(len(troubles)), _below(now))


def _need(count: int) -> str:
    words = (
        "",
        _("One thing needs a person."),
        _("Two things need a person."),
        _("Three things need a person."),
    )
    if count < len(words):
        return words[count]
    return _("%(count)s things need a person.", count=format_number(count))


def _below(now: Now) -> str:
    if not now.jobs:
        return _("A few steps, and the first document comes out.")
    tapped = [
        job.first_byte_ms
        for job in now.jobs
        if job.first_byte_ms is not None
        and job.released_at
        and now.at - job.released_at < timedelta(hours=1)
    ]
    if not tapped:
        return _("Nobody has collected anything in the last hour.")
    slowest = -(-max(tapped) // 1000)
    return ngettext(
        "Of the latest jobs, none took more than %(num)s second from the tap to the printer.",
        "Of the latest jobs, none took more than %(num)s seconds from the tap to the printer.",
        max(1, slowest),
    )


def _calm_note(now: Now) -> str:
    if not now.gateways:
        return _("When gateways and printers are here, what goes wrong with them appears here.")
    return _("All gateways are heard, and no job waits for a decision.")


def _site_line(site: SiteNow, now: Now, link: Link) -> SiteLine:
    enrolled = [gateway for gateway in site.gateways if gateway.is_enrolled]
    here = [gateway for gateway in enrolled if gateway.is_here]
    heard = max((g.heard_at for g in enrolled if g.heard_at), default=None)
    return SiteLine(
        name=site.name or _("Without a site"),
        tone=_tone(site, len(here)),
        href=link("sites.list_sites", _anchor=f"site-{site.id}" if site.id else None),
        gateways=_("%(here)s of %(all)s", here=len(here), all=len(site.gateways)),
        printers=_printers(site, now),
        waiting=site.waiting,
        waiting_href=link("jobs.list_jobs", state="held"),
        knows=_knows(heard, now.at),
        is_old=heard is None or now.at - heard > OLD,
        if_cut=_if_cut(len(enrolled), len(here), now.people),
    )


def _printers(site: SiteNow, now: Now) -> str:
    asking = sum(printer.site_id == site.id for printer in now.printers)
    if not asking:
        return format_number(site.printers)
    return ngettext(
        "%(all)s, %(num)s needs somebody", "%(all)s, %(num)s need somebody", asking,
        all=format_number(site.printers),
    )  # fmt: skip


def _tone(site: SiteNow, here: int) -> str:
    if not site.gateways:
        return "off"
    if not here:
        return "bad" if any(gateway.is_enrolled for gateway in site.gateways) else "warn"
    return "ok" if here == len(site.gateways) else "warn"


def _knows(heard: datetime | None, at: datetime) -> str:
    if heard is None:
        return _("nothing yet")
    if at - heard < FRESH:
        return _("everything, as of now")
    return _("%(age)s old", age=format_duration((at - heard).total_seconds()))


def _if_cut(enrolled: int, here: int, people: int) -> str:
    if not enrolled:
        return _("nothing prints: no gateway yet")
    if not here:
        return ngettext(
            "is cut: prints for %(num)s person", "is cut: prints for %(num)s people", people
        )
    return ngettext("goes on printing, %(num)s person", "goes on printing, %(num)s people", people)


def _pages_words(now: Now) -> str:
    if not now.printed_jobs:
        return _("nothing yet")
    if now.printed_pages is None:
        return _("pages not counted")
    pages = ngettext("%(num)s page", "%(num)s pages", now.printed_pages)
    if not now.uncounted_jobs:
        return pages
    rest = ngettext("%(num)s job not counted", "%(num)s jobs not counted", now.uncounted_jobs)
    return f"{pages} · {rest}"


def _hours(now: Now) -> Sequence[Hour]:
    most = max((count for _at, count in now.hours), default=0)
    return [
        Hour(
            label=format_time(at),
            words=ngettext(
                "%(hour)s: %(num)s job", "%(hour)s: %(num)s jobs", count, hour=format_time(at)
            ),
            height=max(2, count * BAR // most) if most else 2,
            tone="now" if n == len(now.hours) - 1 else "",
        )
        for n, (at, count) in enumerate(now.hours)
    ]  # fmt: skip


def _lines(now: Now, link: Link, *, show_titles: bool) -> Sequence[Line]:
    lines: list[Line] = []
    for job in now.jobs:
        href = link("jobs.show_job", job_id=job.id)
        lines.append(Line(job.received_at, _sent(job, now.names, show_titles), href, f"s{job.id}"))
        if job.ended_at:
            lines.append(
                Line(job.ended_at, _ended(job, now.names, show_titles), href, f"e{job.id}")
            )
    lines.extend(
        Line(event.at, sentence(event, now.names), link("audit.list_events"), event.id)
        for event in now.audit
        if event.event not in _EVERYDAY
    )
    lines.sort(key=lambda line: line.at, reverse=True)
    return lines[:8]


def _sent(job: Job, names: Mapping[str, str], show_titles: bool) -> str:  # noqa: FBT001
    return _(
        "%(person)s sent “%(title)s” to %(queue)s",
        person=owner_name(job, names),
        title=shown_title(job, show=show_titles),
        queue=names.get(job.queue_id, _("a queue that is gone")),
    )


def _ended(job: Job, names: Mapping[str, str], show_titles: bool) -> str:  # noqa: FBT001
    person, title = owner_name(job, names), shown_title(job, show=show_titles)
    if job.state != int(JobState.COMPLETED):
        return _("“%(title)s” of %(person)s ended without printing", title=title, person=person)
    printer = names.get(job.printer_id or "", _("a printer that is gone"))
    printed = _(
        "“%(title)s” of %(person)s printed at %(printer)s",
        title=title,
        person=person,
        printer=printer,
    )
    if job.first_byte_ms is None:
        return printed
    return _("%(printed)s · first byte in %(ms)s ms", printed=printed, ms=job.first_byte_ms)
