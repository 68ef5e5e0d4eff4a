"""What the primary does by the clock: forgetting what is over."""

from __future__ import annotations

import logging
from collections.abc import Callable

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.orm import Session

from control_plane.commands import service as commands
from control_plane.database import Database
from control_plane.feed import service as feed
from control_plane.imports import service as imports
from control_plane.ingest import parking
from control_plane.security import failures, idempotency, sessions
from control_plane.terminals import service as terminals

log = logging.getLogger(__name__)


def create(database: Database) -> BackgroundScheduler:
    """Make the schedules; each task is its own short transaction and may run twice."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1}
    )
    tasks: dict[str, Callable[[Session], object]] = {
        "forget old sessions": sessions.forget_old,
        "forget old failures": failures.forget_old,
        "forget old answers": idempotency.forget_old,
        "forget old imports": imports.forget_old,
        "take back stale terminal codes": terminals.forget_stale_codes,
        "prune tombstones": feed.prune_tombstones,
        "try parked rows again": parking.retry_all,
    }
    for name, task in tasks.items():
        scheduler.add_job(
            _guarded, "interval", hours=1, jitter=300, args=(name, task, database), id=name
        )
    scheduler.add_job(
        _guarded, "interval", seconds=15, args=("expire commands", commands.expire, database)
    )
    return scheduler


def _guarded(name: str, task: Callable[[Session], object], database: Database) -> None:
    try:
        with database.writing() as session:
            task(session)
    except Exception:
        log.exception("schedule: %s", name)
