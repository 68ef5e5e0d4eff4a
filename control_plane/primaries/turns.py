"""Whose turn a schedule is: a lease with a fencing number, kept by the database's clock.

``take`` gives a turn to one process; while it lasts nobody else gets one. ``finish`` is the last
thing in the transaction of the work: it is refused, and the work with it, where somebody else has
had a turn since. So a process that stood still and is woken after its turn was over writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from control_plane.errors import SpoolhouseError
from control_plane.primaries.models import Schedule
from control_plane.primaries.service import now
from control_plane.upsert import insert_for


class TurnOverError(SpoolhouseError):
    """Somebody else has had a turn since: what was done in this one must not be kept."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to do one thing, once."""

    name: str
    fence: int


def take(session: Session, name: str, holder: str, *, life: timedelta) -> Turn | None:
    """Take the turn of a schedule; None where it is not due, or somebody is at it."""
    moment = now(session)
    first = insert_for(session, Schedule).values(name=name, due_at=moment, fence=0)
    session.execute(first.on_conflict_do_nothing())
    fence = session.scalar(
        update(Schedule)
        .where(
            Schedule.name == name,
            Schedule.due_at <= moment,
            or_(Schedule.held_until.is_(None), Schedule.held_until <= moment),
        )
        .values(fence=Schedule.fence + 1, holder=holder, held_until=moment + life)
        .returning(Schedule.fence)
        .execution_options(synchronize_session=False)
    )
    return None if fence is None else Turn(name, fence)


def finish(session: Session, turn: Turn, *, every: timedelta) -> None:
    """End a turn in the transaction of its work; it is due again after ``every``.

    Raises:
        TurnOverError: It is not ours any more; roll back.
    """
    moment = now(session)
    mine = (Schedule.name == turn.name, Schedule.fence == turn.fence)
    ended = session.execute(
        update(Schedule)
        .where(*mine)
        .values(due_at=moment + every, holder=None, held_until=None, done_at=moment)
        .execution_options(synchronize_session=False)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        raise TurnOverError(f"{turn.name}: turn {turn.fence} is over")


def give_back(session: Session, turn: Turn, *, after: timedelta) -> None:
    """Give a turn back whose work failed; it is tried again after a while."""
    session.execute(
        update(Schedule)
        .where(Schedule.name == turn.name, Schedule.fence == turn.fence)
        .values(due_at=now(session) + after, holder=None, held_until=None)
        .execution_options(synchronize_session=False)
    )
