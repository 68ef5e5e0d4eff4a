"""A process that runs one schedule again and again, for tests that freeze it::

    python -m tests.support.schedule_process DATABASE NAME FOLDER WHERE

Its task writes its name into the audit. It stops at WHERE for as long as FOLDER/NAME.waits exists
(``before`` the work's transaction, or in it ``after`` the work), having made FOLDER/NAME.there.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from control_plane import schedule
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.schedule import Task
from control_plane.tenants import INSTALLATION

EVERY = timedelta(milliseconds=300)
TURN = timedelta(seconds=2)
EVENT = "schedule.worked"


def main(url: str, name: str, folder: Path, where: str) -> None:
    database = Database(url)
    there, waits = folder / f"{name}.there", folder / f"{name}.waits"

    def stand() -> None:
        if waits.exists():
            there.touch()
            while waits.exists():
                time.sleep(0.01)

    def work(session: Session) -> None:
        audit.record(session, INSTALLATION, EVENT, Actor("system", name))
        if where == "after":
            stand()

    if where == "before":
        database.writing = _standing_before(database, stand)  # type: ignore[method-assign]
    task = Task("work", EVERY, work)
    (folder / f"{name}.runs").touch()
    while True:
        done = schedule.run(database, task, name, TURN)
        if done:
            with (folder / f"{name}.done").open("a") as file:
                file.write("done\n")
        time.sleep(0.02)


def _standing_before(database: Database, stand: Any) -> Any:
    """Stand still between the turn and the work: before every second transaction."""
    writing, seen = database.writing, [0]

    @contextmanager
    def standing() -> Any:
        seen[0] += 1
        with database.reading() as session:
            holds = session.scalar(_HELD) is not None
        if holds:
            stand()
        with writing() as session:
            yield session

    return standing


if __name__ == "__main__":
    from sqlalchemy import select

    from control_plane.primaries.models import Schedule

    _HELD = select(Schedule.name).where(Schedule.holder == sys.argv[2])
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
