"""Many rows out of one: a row that the services made is copied by the database itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from control_plane.database import Base


def nth(column: str) -> str:
    """SQL for an id of its own: that of the copied row, with the number at its end."""
    return f"substr({column}, 1, 24) || substr(CAST(1000000000000 + n AS TEXT), 2)"


def multiply(
    session: Session,
    model: type[Base],
    where: str,
    *,
    first: int = 1,
    last: int,
    values: dict[str, str],
    **bound: Any,
) -> None:
    """Copy the row ``t`` that ``where`` names, once for each ``n`` from first to last.

    ``values`` is SQL by column; every other column is as in the row. SQLite and PostgreSQL alike.
    """
    table = model.__tablename__
    columns = [f'"{column.name}"' for column in model.__table__.columns]
    chosen = [values.get(column.name, f't."{column.name}"') for column in model.__table__.columns]
    statement = (
        "WITH RECURSIVE numbers(n) AS (SELECT CAST(:first AS INTEGER) UNION ALL "  # noqa: S608
        "SELECT n + 1 FROM numbers WHERE n < :last) "
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(chosen)} FROM {table} t, numbers WHERE {where}"
    )
    session.execute(text(statement), {"first": first, "last": last, **bound})
