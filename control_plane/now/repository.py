"""What the page "Now" counts, each in one query, however many rows there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.orm import Session

from control_plane.accounts.models import Licence
from control_plane.gateways.models import Gateway, GatewayAccount, GatewayState
from control_plane.jobs.models import Job, UsageRow
from control_plane.printers.models import Printer
from control_plane.queues.models import Queue
from control_plane.sites.models import Site
from control_plane.users.models import User
from shared.ids import AccountId, GatewayId, SiteId
from shared.job_states import Hold, JobState

HELD = int(JobState.PENDING_HELD)


def list_sites(session: Session, account_id: AccountId) -> Sequence[Site]:
    query = select(Site).where(Site.account_id == account_id).order_by(Site.name)
    return session.scalars(query).all()


def list_gateways(
    session: Session, account_id: AccountId
) -> Sequence[tuple[Gateway, GatewayState | None]]:
    """List the gateways that serve an account, with what they last said."""
    serving = select(GatewayAccount.gateway_id).where(
        GatewayAccount.account_id == account_id, GatewayAccount.ended_at.is_(None)
    )
    rows = session.execute(
        select(Gateway, GatewayState)
        .outerjoin(GatewayState, GatewayState.gateway_id == Gateway.id)
        .where(Gateway.id.in_(serving), Gateway.revoked_at.is_(None))
        .order_by(Gateway.name)
    ).all()
    return [(row[0], row[1]) for row in rows]


def count_printers(session: Session, account_id: AccountId) -> Mapping[SiteId | None, int]:
    query = select(Printer.site_id, func.count()).where(
        Printer.account_id == account_id, Printer.enabled.is_(True)
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(Printer.site_id))}


def list_printers(
    session: Session, account_id: AccountId, ids: Collection[str]
) -> Sequence[Printer]:
    """Those of the account's printers that are switched on, by name."""
    mine = select(Printer).where(Printer.account_id == account_id, Printer.id.in_(ids))
    return session.scalars(mine.where(Printer.enabled.is_(True)).order_by(Printer.name)).all()


def count_waiting(
    session: Session, account_id: AccountId
) -> Mapping[GatewayId, tuple[int, datetime]]:
    """Count held jobs by gateway, with the oldest."""
    query = select(Job.gateway_id, func.count(), func.min(Job.received_at)).where(
        Job.account_id == account_id, Job.state == HELD
    )
    return {row[0]: (row[1], row[2]) for row in session.execute(query.group_by(Job.gateway_id))}


def _held_for(hold: Hold) -> ColumnElement[bool]:
    return cast(Job.reasons, Text).contains(hold.value, autoescape=True)


def count_held_for(session: Session, account_id: AccountId) -> Mapping[Hold, int]:
    """Count the held jobs that wait for a person who looks."""
    holds = (Hold.UNCERTAIN, Hold.QUARANTINE)
    counts = [func.count().filter(_held_for(hold)) for hold in holds]
    row = session.execute(
        select(*counts).where(Job.account_id == account_id, Job.state == HELD)
    ).one()
    return dict(zip(holds, row, strict=True))


def printed_since(
    session: Session, account_id: AccountId, since: datetime
) -> tuple[int, int | None, int]:
    """Tell jobs printed, pages counted (None: none of them), and jobs without a count."""
    pages = func.sum(UsageRow.impressions * UsageRow.copies)
    row = session.execute(
        select(func.count(), pages, func.count().filter(UsageRow.impressions.is_(None))).where(
            UsageRow.account_id == account_id, UsageRow.at >= since
        )
    ).one()
    return row[0], row[1], row[2]


def count_by_hour(session: Session, account_id: AccountId, since: datetime) -> Mapping[str, int]:
    """Count jobs received per UTC hour, written ``2026-11-22 10``."""
    if session.get_bind().dialect.name == "sqlite":
        hour = func.strftime("%Y-%m-%d %H", Job.received_at)
    else:
        hour = func.to_char(func.timezone("UTC", Job.received_at), "YYYY-MM-DD HH24")
    query = select(hour, func.count()).where(Job.account_id == account_id, Job.received_at >= since)
    return {row[0]: row[1] for row in session.execute(query.group_by(hour))}


def latest_jobs(session: Session, account_id: AccountId, limit: int) -> Sequence[Job]:
    query = select(Job).where(Job.account_id == account_id)
    return session.scalars(query.order_by(Job.received_at.desc(), Job.id).limit(limit)).all()


def count_people(session: Session, account_id: AccountId) -> int:
    query = select(func.count()).where(
        User.tenant == f"account:{account_id}", User.enabled.is_(True)
    )
    return session.scalar(query) or 0


def count_queues(session: Session, account_id: AccountId) -> int:
    query = select(func.count()).select_from(Queue).where(Queue.account_id == account_id)
    return session.scalar(query) or 0


def find_licence(session: Session, account_id: AccountId) -> Licence | None:
    return session.get(Licence, account_id)


def names(
    session: Session, account_id: AccountId, jobs: Sequence[Job], people: Collection[str] = ()
) -> dict[str, str]:
    """Name the people, queues and printers of some jobs, and some more people, by id."""
    owner_ids = {job.owner_id for job in jobs if job.owner_id} | set(people)
    queue_ids = {job.queue_id for job in jobs}
    printer_ids = {job.printer_id for job in jobs if job.printer_id}
    found: dict[str, str] = {}
    users = select(User.id, User.display_name).where(
        User.tenant == f"account:{account_id}", User.id.in_(owner_ids)
    )
    queues = select(Queue.id, Queue.name).where(
        Queue.account_id == account_id, Queue.id.in_(queue_ids)
    )
    printers = select(Printer.id, Printer.name).where(
        Printer.account_id == account_id, Printer.id.in_(printer_ids)
    )
    for query in (users, queues, printers):
        found |= {row[0]: row[1] for row in session.execute(query)}
    return found
