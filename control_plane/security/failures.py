"""Failed sign-ins, counted durably; a stranger who fails on purpose locks nobody out.

An attempt is counted before it is checked, in a transaction of its own: guesses in parallel or
around a crash count too. Three counters:

- one person from one address: 5 in 15 minutes,
- one address, whoever it tries: 30 in 15 minutes,
- one person from anywhere: 50 in an hour. It holds back only addresses from which that person
  has not signed in lately, so that a stranger cannot shut out whom he attacks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.errors import TooManyError
from control_plane.security.models import SignInFailures
from control_plane.tenants import Tenant
from control_plane.upsert import insert_for


@dataclass(frozen=True, slots=True)
class Limit:
    key: str
    attempts: int
    window: timedelta


def limits(tenant: Tenant, username: str, address: str, *, is_known_place: bool) -> list[Limit]:
    """The counters that an attempt counts against."""
    quarter = timedelta(minutes=15)
    found = [
        Limit(f"person-place/{tenant}/{address}/{username}", 5, quarter),
        Limit(f"place/{address}", 30, quarter),
    ]
    if not is_known_place:
        found.append(Limit(f"person/{tenant}/{username}", 50, timedelta(hours=1)))
    return found


def admit(session: Session, checked: list[Limit], now: datetime | None = None) -> None:
    """Count an attempt against every limit.

    Raises:
        TooManyError: One of them is reached; the attempt is not to be made. Counts stay.
    """
    now = now or utc_now()
    rows = [_current(session, limit, now) for limit in checked]
    waits = [
        row.since + limit.window - now
        for row, limit in zip(rows, checked, strict=True)
        if row.count >= limit.attempts
    ]
    if waits:
        raise TooManyError(max(1, math.ceil(max(waits).total_seconds())))
    for row in rows:
        row.count += 1
    session.flush()


def _current(session: Session, limit: Limit, now: datetime) -> SignInFailures:
    # Two primaries may count the very first failure of somebody at the same moment.
    fresh = insert_for(session, SignInFailures).values(key=limit.key, count=0, since=now)
    session.execute(fresh.on_conflict_do_nothing())
    row = session.get_one(SignInFailures, limit.key, with_for_update=True, populate_existing=True)
    if row.since + limit.window <= now:
        row.count, row.since = 0, now
    return row


def forgive(session: Session, checked: list[Limit]) -> None:
    """Take an attempt back that succeeded; this person's own failures there are forgotten."""
    for limit in checked:
        row = session.get(SignInFailures, limit.key)
        if row is not None:
            row.count = 0 if limit.key.startswith("person-place/") else max(0, row.count - 1)
    session.flush()


def forget_old(session: Session) -> None:
    session.execute(
        delete(SignInFailures).where(SignInFailures.since < utc_now() - timedelta(days=1))
    )
