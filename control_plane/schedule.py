"""What primaries do by the clock: forgetting what is over; each thing is done by one of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from control_plane.accounts import closing
from control_plane.commands import service as commands
from control_plane.database import Database
from control_plane.enrolment import approval
from control_plane.feed import service as feed
from control_plane.imports import service as imports
from control_plane.ingest import parking
from control_plane.primaries import service as primaries
from control_plane.primaries import turns
from control_plane.primaries.turns import Turn, TurnOverError
from control_plane.security import failures, idempotency, sessions
from control_plane.terminals import service as terminals

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """What is done again and again: one short transaction."""

    name: str
    every: timedelta
    do: Callable[[Session], object]


_HOURLY: Final[Mapping[str, Callable[[Session], object]]] = {
    "forget old sessions": sessions.forget_old,
    "forget old failures": failures.forget_old,
    "forget old answers": idempotency.forget_old,
    "forget old imports": imports.forget_old,
    "forget primaries that are gone": primaries.forget_dead,
    "take back stale terminal codes": terminals.forget_stale_codes,
    "forget machines that waited": approval.forget_old,
    "prune tombstones": feed.prune_tombstones,
    "try parked rows again": parking.retry_all,
}
TASKS: Final = (
    Task("expire commands", timedelta(seconds=15), commands.expire),
    Task("erase closed accounts", timedelta(seconds=15), closing.go_on),
    *(Task(name, timedelta(hours=1), do) for name, do in _HOURLY.items()),
)
TURN: Final = timedelta(minutes=2)  # a task that takes longer is begun anew by another primary
_LOOK: Final = timedelta(seconds=60)
_AFTER_FAILURE: Final = timedelta(minutes=1)


def create(
    database: Database,
    name: str,
    *,
    tasks: Iterable[Task] = TASKS,
    turn: timedelta = TURN,
) -> BackgroundScheduler:
    """Make the schedules of one process; each task is done by one of the primaries alone."""
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1}
    )
    for task in tasks:
        seconds = min(task.every, _LOOK).total_seconds()
        scheduler.add_job(
            run,
            "interval",
            seconds=seconds,
            jitter=seconds / 5,
            args=(database, task, name, turn),
            id=task.name,
        )
    return scheduler


def run(database: Database, task: Task, name: str, life: timedelta = TURN) -> bool:
    """Do a task if it is due and nobody is at it; whether it was done."""
    try:
        with database.writing() as session:
            turn = turns.take(session, task.name, name, life=life)
        return turn is not None and _do(database, task, turn)
    except SQLAlchemyError as error:
        log.warning("schedule: %s: the database does not answer: %s", task.name, error)
    except Exception:
        log.exception("schedule: %s", task.name)
    return False


def _do(database: Database, task: Task, turn: Turn) -> bool:
    try:
        with database.writing() as session:
            task.do(session)
            turns.finish(session, turn, every=task.every)
    except TurnOverError as error:
        log.warning("schedule: %s; what it did is undone", error)
        return False
    except Exception:
        with database.writing() as session:
            turns.give_back(session, turn, after=min(task.every, _AFTER_FAILURE))
        raise
    return True
