"""No question about jobs reads or sorts all of them: 100,000 held jobs must not be felt."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edge_agent.jobs import queries, schema
from edge_agent.jobs.queries import Wanted


class Explaining:
    """A connection that notes the plan of each statement."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.plans: list[str] = []

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        plan = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        self.plans += [row[3] for row in plan]
        return self._connection.execute(sql, values)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "INTEGER PRIMARY KEY"),
        ({"queue_id": "q"}, "jobs_in_queue"),
        ({"owner_id": "o"}, "jobs_waiting"),
        ({"owner_id": "o", "queue_id": "q"}, "jobs_waiting"),
        ({"claimed_name": "ada", "address": "a", "queue_id": "q"}, "jobs_claimed"),
        ({"completed": True, "queue_id": "q"}, "jobs_final"),
    ],
)
def test_a_list_is_read_in_its_order(tmp_path: Path, wanted: dict[str, Any], index: str) -> None:
    connection = Explaining(schema.open_for_writing(tmp_path / "jobs.db"))
    nothing = dict.fromkeys(("queue_id", "owner_id", "claimed_name", "address"))
    values = {"account_id": "a", "completed": False, "limit": 10, "after": 0, **nothing, **wanted}
    queries.list_jobs(connection, Wanted(**values))  # type: ignore[arg-type]
    assert index in connection.plans[0]
    assert not any("TEMP B-TREE" in plan for plan in connection.plans)


def test_counts_touch_no_row(tmp_path: Path) -> None:
    connection = Explaining(schema.open_for_writing(tmp_path / "jobs.db"))
    queries.count_active(connection, "q")  # type: ignore[arg-type]
    queries.figures(connection)  # type: ignore[arg-type]
    assert all("COVERING INDEX" in plan for plan in connection.plans)
