"""How an account is, right now: figures first, words in ``words``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.models import AuditEvent
from control_plane.audit.words import people
from control_plane.commands import service as commands
from control_plane.domains import certificates
from control_plane.domains import service as domains
from control_plane.gateways import things
from control_plane.jobs.models import Job
from control_plane.jobs.service import count_lost
from control_plane.now import repository
from control_plane.parked import service as parked
from control_plane.parked.service import Waiting
from control_plane.printers.words import PrinterHow
from control_plane.printers.words import how as printer_how
from shared.i18n import current_zone
from shared.ids import AccountId, GatewayId, SiteId
from shared.job_states import Hold

# Older than a few heartbeats: it is not a hiccup of the line.
SILENT_AFTER = timedelta(seconds=150)
LATEST = 12
HOURS = 11
LOST_FOR = timedelta(days=7)  # jobs that were lost are a trouble for so long
MOST_PRINTERS = 1_000  # that one page asks the database about


@dataclass(frozen=True, slots=True)
class GatewayNow:
    """A gateway as the primary knows it."""

    id: GatewayId
    name: str
    site_id: SiteId | None
    is_enrolled: bool
    is_here: bool
    heard_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None
    errors: Mapping[str, str]  # what of its configuration does not run, by section
    rehearses_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteNow:
    """A site with its gateways; ``id`` None gathers what belongs to no site."""

    id: SiteId | None
    name: str
    gateways: Sequence[GatewayNow]
    printers: int

    @property
    def waiting(self) -> int:
        return sum(gateway.waiting for gateway in self.gateways)

    @property
    def is_printing(self) -> bool:
        """Whether a gateway there was heard just now; of a silent one nobody can say."""
        return any(gateway.is_here or gateway.rehearses_until for gateway in self.gateways)


@dataclass(frozen=True, slots=True)
class PrinterNow:
    """A printer that asks for somebody, in its own words."""

    id: str
    name: str
    site_id: SiteId | None
    how: PrinterHow


@dataclass(frozen=True, slots=True)
class Now:
    """Everything the page shows."""

    at: datetime
    sites: Sequence[SiteNow]
    people: int
    queues: int
    printers_in_all: int
    held_for: Mapping[Hold, int]
    lost_jobs: int  # with a gateway's disk, lately
    licence_kind: str
    licence_expires_at: datetime | None
    printed_jobs: int
    printed_pages: int | None
    uncounted_jobs: int
    hours: Sequence[tuple[datetime, int]]
    jobs: Sequence[Job]
    audit: Sequence[AuditEvent]
    names: Mapping[str, str]
    printers: Sequence[PrinterNow]  # those that ask for somebody
    waiting_links: Sequence[Waiting]  # gateways of which something could not be taken in
    certificates: Sequence[tuple[str, datetime]]  # the domain's id and when they end, if soon

    @property
    def gateways(self) -> Sequence[GatewayNow]:
        return [gateway for site in self.sites for gateway in site.gateways]


def look(session: Session, account_id: AccountId, now: datetime) -> Now:
    """Read how an account is."""
    local = now.astimezone(current_zone())
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    jobs = repository.latest_jobs(session, account_id, LATEST)
    printed, pages, uncounted = repository.printed_since(session, account_id, midnight)
    licence = repository.find_licence(session, account_id)
    events = audit.list_events(session, tenants.account(account_id), limit=LATEST).items
    all_printers = repository.count_printers(session, account_id)
    return Now(
        at=now,
        sites=_sites(session, account_id, now, all_printers),
        people=repository.count_people(session, account_id),
        queues=repository.count_queues(session, account_id),
        printers_in_all=sum(all_printers.values()),
        held_for=repository.count_held_for(session, account_id),
        lost_jobs=count_lost(session, account_id, now - LOST_FOR),
        licence_kind=licence.kind if licence else "",
        licence_expires_at=licence.expires_at if licence else None,
        printed_jobs=printed,
        printed_pages=pages,
        uncounted_jobs=uncounted,
        hours=_hours(session, account_id, local),
        jobs=jobs,
        audit=events,
        names=repository.names(session, account_id, jobs, people(events)),
        printers=_printers(session, account_id, now),
        waiting_links=parked.list_waiting(session, tenants.account(account_id)),
        certificates=[
            (row.domain_id, row.ends_at)
            for row in domains.list_certificates(session, tenants.account(account_id))
            if certificates.ends_soon(row, now)
        ],
    )


def _printers(session: Session, account_id: AccountId, now: datetime) -> Sequence[PrinterNow]:
    states = things.states(session, account_id, "printers", now)
    asking = {
        key: how for key, state in states.items() if (how := printer_how(state, now)).needs_somebody
    }
    rows = repository.list_printers(session, account_id, list(asking)[:MOST_PRINTERS])
    found = [PrinterNow(row.id, row.name, row.site_id, asking[row.id]) for row in rows]
    return sorted(found, key=lambda printer: printer.how.tone != "bad")


def _sites(
    session: Session, account_id: AccountId, now: datetime, printers: Mapping[SiteId | None, int]
) -> Sequence[SiteNow]:
    waiting = repository.count_waiting(session, account_id)
    by_site: dict[SiteId | None, list[GatewayNow]] = {}
    listed = repository.list_gateways(session, account_id)
    rehearsals = commands.rehearsals(session, [gateway.id for gateway, _state in listed])
    for gateway, state in listed:
        heard_at = state.last_seen_at if state else None
        here = state is not None and state.presence == "here" and heard_at is not None
        count, oldest = waiting.get(gateway.id, (0, None))
        by_site.setdefault(gateway.site_id, []).append(
            GatewayNow(
                id=gateway.id,
                name=gateway.name,
                site_id=gateway.site_id,
                is_enrolled=gateway.enrolled_at is not None,
                is_here=here and heard_at is not None and now - heard_at < SILENT_AFTER,
                heard_at=heard_at,
                waiting=count,
                oldest_waiting_at=oldest,
                errors=(state.running or {}).get("errors", {}) if state else {},
                rehearses_until=rehearsals.get(gateway.id),
            )
        )
    sites = [
        SiteNow(site.id, site.name, by_site.pop(site.id, []), printers.get(site.id, 0))
        for site in repository.list_sites(session, account_id)
    ]
    homeless = [gateway for gateways in by_site.values() for gateway in gateways]
    if homeless:
        sites.append(SiteNow(None, "", homeless, printers.get(None, 0)))
    return sites


def _hours(
    session: Session, account_id: AccountId, local: datetime
) -> Sequence[tuple[datetime, int]]:
    this_hour = local.replace(minute=0, second=0, microsecond=0)
    first = this_hour - timedelta(hours=HOURS - 1)
    counts = repository.count_by_hour(session, account_id, first)
    found: dict[datetime, int] = {}
    for text, count in counts.items():
        hour = datetime.fromisoformat(f"{text}:00:00+00:00").astimezone(local.tzinfo)
        start = hour.replace(minute=0)
        found[start] = found.get(start, 0) + count
    hours = [first + timedelta(hours=n) for n in range(HOURS)]
    return [(hour, found.get(hour, 0)) for hour in hours]


count_printers = repository.count_printers
count_people = repository.count_people
