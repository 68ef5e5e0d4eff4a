"""Looking for jobs; runs on a connection that changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from edge_agent.jobs.model import Job
from edge_agent.jobs.transaction import select_jobs
from shared.ids import AccountId, QueueId, UserId
from shared.job_states import JobState


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs of an account; see ``JobService.list_jobs``."""

    account_id: AccountId
    queue_id: QueueId | None
    owner_id: UserId | None
    claimed_name: str | None
    address: str | None
    completed: bool | None
    limit: int
    after: int
    states: tuple[JobState, ...] = ()  # of these alone, where there are any


def list_jobs(connection: sqlite3.Connection, wanted: Wanted) -> list[Job]:
    # The plus keeps SQLite from an index that is not the best, or whose order it would sort.
    person = wanted.owner_id or wanted.claimed_name
    conditions = ["account_id = ?" if person else "+account_id = ?"]
    values: list[Any] = [wanted.account_id]
    columns = ("+queue_id" if person else "queue_id", "owner_id", "claimed_name")
    for column in columns:
        value = getattr(wanted, column.lstrip("+"))
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if wanted.address is not None:
        conditions.append("source_address = ?")
        values.append(wanted.address)
    if wanted.completed is not None:
        conditions.append("state >= 7" if wanted.completed else "state < 7")
    if wanted.states:
        conditions.append(f"+state IN ({', '.join(str(int(state)) for state in wanted.states)})")
    conditions.append("number > ?")
    order = "completed_at DESC, number DESC" if wanted.completed else "number"
    return select_jobs(
        connection,
        f"{' AND '.join(conditions)} ORDER BY {order} LIMIT ?",
        (*values, wanted.after, wanted.limit),
    )


def list_waiting(
    connection: sqlite3.Connection, account_id: AccountId, owner_id: UserId, limit: int
) -> list[Job]:
    return select_jobs(
        connection,
        "account_id = ? AND owner_id = ? AND state < 7 ORDER BY number LIMIT ?",
        (account_id, owner_id, limit),
    )


def list_pending(connection: sqlite3.Connection) -> list[Job]:
    return select_jobs(
        connection,
        "number IN (SELECT number FROM jobs WHERE state IN (3, 5, 6))"
        " AND state = 3 AND printer_id IS NOT NULL ORDER BY number",
    )


def list_unsent(connection: sqlite3.Connection, since: int, limit: int = 200) -> list[Job]:
    """List jobs that their printer may have begun and of which no byte has left, newest first.

    Those that wait for it, and those that were canceled or given up since a moment.
    """
    return select_jobs(
        connection,
        "number IN (SELECT number FROM jobs WHERE state IN (3, 5, 6)"
        " UNION ALL SELECT number FROM jobs WHERE state >= 7 AND completed_at >= ?)"
        " AND sending = 0 AND printer_id IS NOT NULL ORDER BY number DESC LIMIT ?",
        (since, limit),
    )


def count_active(connection: sqlite3.Connection, queue_id: QueueId) -> int:
    found = connection.execute(
        "SELECT count(*) FROM jobs WHERE queue_id = ? AND state < 7", (queue_id,)
    )
    return int(found.fetchone()[0])


def figures(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the jobs that are not final, and those on their way to a printer."""
    active = connection.execute("SELECT count(*) FROM jobs WHERE state < 7").fetchone()[0]
    moving = connection.execute("SELECT count(*) FROM jobs WHERE state IN (3, 5, 6)").fetchone()[0]
    return {"active_jobs": int(active), "jobs_on_their_way": int(moving)}
