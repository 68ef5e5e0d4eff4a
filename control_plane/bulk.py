"""Many rows in one statement, as ingest writes them.

PostgreSQL takes them as one JSON text (``json_to_recordset``), which costs this process a sixth of
what parameters cost; SQLite, which is in this process, takes them one after the other. Rows are
mappings by column, all with the same names.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    Table,
    any_,
    bindparam,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy import insert as plain_insert
from sqlalchemy import update as plain_update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from control_plane.database import CleanText, clean_text
from control_plane.upsert import insert_for

Row = Mapping[str, Any]
_OLD: Final = "key_"  # prefix of the parameters that find a row
_WAS: Final = "was_"  # prefix of what a column must still be
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


def among(session: Session, column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """``column IN values``, as one parameter however many there are."""
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(sorted(values), ARRAY(String)))  # type: ignore[no-any-return]
    each = func.json_each(json.dumps(sorted(values))).table_valued("value")
    return column.in_(select(each.c.value))  # type: ignore[no-any-return]


def insert(session: Session, model: type[Any], rows: Sequence[Row]) -> None:
    """Add rows that must be new."""
    if rows and not _by_json(session, model, rows, _insert_sql, ""):
        session.execute(plain_insert(_table(model)), list(rows))


def insert_if_new(session: Session, model: type[Any], rows: Sequence[Row]) -> None:
    """Add rows; those whose key is there already change nothing."""
    if rows and not _by_json(session, model, rows, _insert_sql, "ON CONFLICT DO NOTHING"):
        session.execute(insert_for(session, model).on_conflict_do_nothing(), list(rows))


def insert_or_renew(
    session: Session, model: type[Any], rows: Sequence[Row], *, newer_by: tuple[str, ...]
) -> None:
    """Add rows; one whose key is there replaces it if it is newer by the named columns.

    No two rows may have the same key.
    """
    if not rows:
        return
    table = _table(model)
    keys = [column.name for column in table.primary_key]
    if _by_json(
        session, model, rows, _insert_sql, _renew_sql(_table(model), tuple(rows[0]), newer_by)
    ):
        return
    statement = insert_for(session, model)
    newer = tuple_(*(statement.excluded[name] for name in newer_by)) > tuple_(
        *(table.c[name] for name in newer_by)
    )
    values = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=values, where=newer)
    session.execute(statement, list(rows))


def update(
    session: Session,
    model: type[Any],
    rows: Sequence[Row],
    *,
    newer_by: tuple[str, ...] = (),
    keep_if_none: frozenset[str] = frozenset(),
) -> None:
    """Change rows by their key; only where the new row is newer by the named columns.

    A column of ``keep_if_none`` stays as it is where the new value is None.
    """
    if not rows or _by_json(session, model, rows, _update_sql, newer_by, keep_if_none):
        return
    table = _table(model)
    keys = [column.name for column in table.primary_key]
    statement = plain_update(table).where(
        *(table.c[name] == bindparam(_OLD + name) for name in keys)
    )
    if newer_by:
        there = tuple_(*(table.c[name] for name in newer_by))
        older = there < tuple_(*(bindparam(name, type_=table.c[name].type) for name in newer_by))
        statement = statement.where(or_(table.c[newer_by[0]].is_(None), older))
    # Columns that stay make statements of their own: rows of one shape go together.
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        kept = {name for name in keep_if_none if row.get(name) is None}
        names = tuple(name for name in row if name not in keys and name not in kept)
        found = {_OLD + name: row[name] for name in keys} | {name: row[name] for name in names}
        shapes.setdefault(names, []).append(found)
    for names, some in shapes.items():
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        session.connection().execute(statement.values(values), some)


def compare_and_set(session: Session, model: type[Any], rows: Sequence[Row]) -> int:
    """Change rows by their key, where the columns named ``was_...`` are still so.

    Returns how many were.
    """
    table = _table(model)
    if session.get_bind().dialect.name == "postgresql":
        text = to_json(rows).decode()
        sql = _compare_sql(table, tuple(rows[0]))
        return session.connection().exec_driver_sql(sql, (text,)).rowcount
    keys = [column.name for column in table.primary_key]
    found = [name.removeprefix(_WAS) for name in rows[0] if name.startswith(_WAS)]
    values = [n for n in rows[0] if n not in keys and not n.startswith(_WAS)]
    statement = plain_update(table).where(
        *(table.c[name] == bindparam(_OLD + name) for name in (*keys, *found))
    )
    given = [
        {_OLD + name: row[name] for name in keys}
        | {_OLD + name: row[_WAS + name] for name in found}
        | {name: row[name] for name in values}
        for row in rows
    ]
    statement = statement.values({name: bindparam(name) for name in values})
    return session.connection().execute(statement, given).rowcount


# --- PostgreSQL --------------------------------------------------------------------------------


def _by_json(
    session: Session,
    model: type[Any],
    rows: Sequence[Row],
    sql: Callable[..., str],
    *details: Any,
) -> bool:
    """Send rows as one JSON text; False where the database or what is in them cannot have it."""
    if session.get_bind().dialect.name != "postgresql":
        return False
    text = _quick_text(rows)
    if text is None:
        # NUL and half characters: cleaned where a column is cleaned, else as parameters.
        text_names = _clean_names(_table(model))
        cleaned = [
            {n: clean_text(v) if n in text_names and v is not None else v for n, v in row.items()}
            for row in rows
        ]
        text = json.dumps(cleaned, check_circular=False, default=_plain)
        if "\\u0000" in text or "\\ud" in text.lower():
            return False
    session.connection().exec_driver_sql(sql(_table(model), tuple(rows[0]), *details), (text,))
    return True


def _quick_text(rows: Sequence[Row]) -> str | None:
    """Rows as JSON; None where it has something that PostgreSQL does not take."""
    for value in rows[0].values():
        if isinstance(value, datetime):
            _plain(value)  # One row has it as all others have it.
    try:
        text = to_json(rows).decode()
    except PydanticSerializationError:  # half characters
        return None
    return None if "\\u0000" in text else text


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its offset: {value!r}")
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in bulk")


@functools.cache
def _insert_sql(table: Table, names: tuple[str, ...], then: str) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    given = ", ".join(f'new."{name}"' for name in names)
    return (
        f'INSERT INTO "{table.name}" ({columns}) SELECT {given}'  # noqa: S608  # our own names
        f" FROM {_recordset(table, names)} {then}"
    )


@functools.cache
def _renew_sql(table: Table, names: tuple[str, ...], order: tuple[str, ...]) -> str:
    keys = [column.name for column in table.primary_key]
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in keys)
    there = ", ".join(f'"{table.name}"."{name}"' for name in order)
    coming = ", ".join(f'excluded."{name}"' for name in order)
    found = ", ".join(f'"{name}"' for name in keys)
    return f"ON CONFLICT ({found}) DO UPDATE SET {sets} WHERE ({coming}) > ({there})"


@functools.cache
def _update_sql(
    table: Table,
    names: tuple[str, ...],
    newer_by: tuple[str, ...],
    keep_if_none: frozenset[str],
) -> str:
    keys = [column.name for column in table.primary_key]
    sets = ", ".join(
        f'"{name}" = coalesce(new."{name}", old."{name}")'
        if name in keep_if_none
        else f'"{name}" = new."{name}"'
        for name in names
        if name not in keys
    )
    where = " AND ".join(f'old."{name}" = new."{name}"' for name in keys)
    if newer_by:
        there = ", ".join(f'old."{name}"' for name in newer_by)
        coming = ", ".join(f'new."{name}"' for name in newer_by)
        where += f' AND (old."{newer_by[0]}" IS NULL OR ({there}) < ({coming}))'
    recordset = _recordset(table, names)
    return f'UPDATE "{table.name}" AS old SET {sets} FROM {recordset} WHERE {where}'  # noqa: S608


@functools.cache
def _compare_sql(table: Table, names: tuple[str, ...]) -> str:
    keys = [column.name for column in table.primary_key]
    known = [*keys, *(name for name in names if name.startswith(_WAS))]
    sets = ", ".join(f'"{name}" = new."{name}"' for name in names if name not in known)
    where = " AND ".join(f'old."{name.removeprefix(_WAS)}" = new."{name}"' for name in known)
    recordset = _recordset(table, names)
    return f'UPDATE "{table.name}" AS old SET {sets} FROM {recordset} WHERE {where}'  # noqa: S608


def _recordset(table: Table, names: tuple[str, ...]) -> str:
    types = ", ".join(
        f'"{name}" {table.c[name.removeprefix(_WAS)].type.compile(_DIALECT)}' for name in names
    )
    return f"json_to_recordset(%s::json) AS new({types})"


@functools.cache
def _clean_names(table: Table) -> frozenset[str]:
    return frozenset(c.name for c in table.columns if isinstance(c.type, CleanText))


def _table(model: type[Any]) -> Table:
    table: Table = model.__table__
    return table
