"""Acknowledged rows stay for a month, for a primary that is restored; then the oldest go."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from edge_agent.jobs.outbox_lanes import LaneRow, find_lane
from edge_agent.jobs.outbox_tables import lane_span
from shared import clock
from shared.messages.envelope import Lane

KEPT_FOR: Final = timedelta(days=30)
KEPT_BYTES: Final = 256 * 1024 * 1024  # acknowledged rows
TELEMETRY_BYTES: Final = 16 * 1024 * 1024  # rows that wait, before the oldest are given up


def prune(
    connection: sqlite3.Connection,
    now: datetime,
    *,
    kept_bytes: int = KEPT_BYTES,
    telemetry_bytes: int = TELEMETRY_BYTES,
) -> int:
    """Erase what is prunable, at once; returns how many rows went."""
    ids = prunable(connection, now, kept_bytes=kept_bytes, telemetry_bytes=telemetry_bytes)
    return erase(connection, ids)


def prunable(
    connection: sqlite3.Connection,
    now: datetime,
    *,
    kept_bytes: int = KEPT_BYTES,
    telemetry_bytes: int = TELEMETRY_BYTES,
) -> list[int]:
    """Find acknowledged rows that are too old or too many, and telemetry that has no room.

    Looks at every row that is kept: not for the event loop. The oldest come first.
    """
    before = clock.to_wire(now - KEPT_FOR)
    found: set[int] = set()
    for lane in Lane:
        row = find_lane(connection, lane)
        if row is None:
            continue
        settled, mine = _settled(lane, row)
        old = connection.execute(
            f"SELECT id FROM outbox_rows WHERE {settled} AND at < ?",  # noqa: S608
            (*mine, before),
        )
        found |= {each[0] for each in old}
        found |= _beyond(connection, settled, mine, kept_bytes)
        if lane is Lane.TELEMETRY:
            span = lane_span(lane)
            found |= _beyond(connection, "id BETWEEN ? AND ?", span, telemetry_bytes)
    return sorted(found)


def erase(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Erase some of what was found prunable; facts that are not acknowledged are never erased."""
    chosen = json.dumps(list(ids))
    gone = 0
    for lane in Lane:
        row = find_lane(connection, lane)
        if row is None:
            continue
        # It is looked at again: since it was found, a primary may have asked for it anew.
        settled, mine = _settled(lane, row)
        which = settled if lane is Lane.FACTS else "id BETWEEN ? AND ?"
        values = mine if lane is Lane.FACTS else lane_span(lane)
        gone += connection.execute(
            "DELETE FROM outbox_rows WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
            f" AND {which}",
            (chosen, *values),
        ).rowcount
    return gone


def forget_commands(connection: sqlite3.Connection, now: datetime) -> None:
    """Erase the log of commands that nobody can repeat any more."""
    before = clock.to_wire(now - KEPT_FOR)
    connection.execute("DELETE FROM command_log WHERE at < ?", (before,))


def _settled(lane: Lane, row: LaneRow) -> tuple[str, tuple[int, ...]]:
    """Which rows of a lane are acknowledged, as SQL and its values."""
    low, high = lane_span(lane)
    where = "id BETWEEN ? AND ? AND (id <= ? OR id > ?)"
    return where, (low, high, row.base + row.acked, row.span()[1])


def _beyond(
    connection: sqlite3.Connection, which: str, values: Sequence[int], max_bytes: int
) -> set[int]:
    """The oldest of the named rows, without which the rest has ``max_bytes`` at most."""
    found = connection.execute(
        "SELECT id FROM (SELECT id,"  # noqa: S608
        f" sum(length(row)) OVER (ORDER BY id DESC) AS newer FROM outbox_rows WHERE {which})"
        " WHERE newer > ?",
        (*values, max_bytes),
    )
    return {row[0] for row in found}
