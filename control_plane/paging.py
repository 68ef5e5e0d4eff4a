"""Pages of a list by cursor: the next begins after the last row seen, however rows come and go."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, TypeDecorator, and_, func, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from control_plane.errors import InvalidError

T = TypeVar("T")
Column = InstrumentedAttribute[Any]

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
EXPORT_LIMIT: Final = 1_000  # of a list that is written to a file
_PARTS: Final = 3
_LARGEST: Final = 2**63 - 1
_ITS_OWN: Final[Mapping[str, Column]] = {}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor for those after them; None: these were the last."""

    items: Sequence[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    """By which column, then by which unique one, and which way."""

    column: Column
    unique: Column
    is_down: bool

    @property
    def name(self) -> str:
        return f"{'-' if self.is_down else ''}{self.column.key}"

    @property
    def lowest(self) -> Any:
        """What stands for nothing, where rows may have none."""
        return -1 if _kind(self.column) is int else ""

    @property
    def keys(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        first: Any = self.column
        if self.column.property.columns[0].nullable:
            first = func.coalesce(self.column, self.lowest)
        return first, self.unique.expression

    def values(self, row: Any) -> list[Any]:
        first = getattr(row, self.column.key)
        return [self.lowest if first is None else first, getattr(row, self.unique.key)]


def paginate(
    session: Session,
    query: Select[T],
    by: tuple[Column, Column],
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    newest_first: bool = False,
    sorts: Mapping[str, Column] = _ITS_OWN,
    order: str = "",
) -> Page[T]:
    """Read one page in the order of two columns, the second of them unique.

    ``order`` is the name of one of ``sorts``, with ``-`` before it for downwards; any other word
    means the list's own order.

    Raises:
        InvalidError: The cursor is none of ours, or of another order.
    """
    limit = max(1, min(limit, EXPORT_LIMIT))
    chosen = sorts.get(order.removeprefix("-"))
    if chosen is None:
        way = _Order(*by, is_down=newest_first)
    else:
        way = _Order(chosen, by[1], is_down=order.startswith("-"))
    if cursor:
        query = query.where(_after(way, _read_cursor(cursor, way)))
    keys = [key.desc() if way.is_down else key.asc() for key in way.keys]
    rows = session.scalars(query.order_by(*keys).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows)
    return Page(rows[:limit], _write_cursor([*way.values(rows[limit - 1]), way.name]))


def _after(way: _Order, values: Sequence[Any]) -> ColumnElement[bool]:
    first, second = way.keys
    if way.is_down:
        return or_(first < values[0], and_(first == values[0], second < values[1]))
    return or_(first > values[0], and_(first == values[0], second > values[1]))


def _write_cursor(values: Sequence[Any]) -> str:
    plain = [{"at": v.isoformat()} if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, way: _Order) -> Sequence[Any]:
    wrong = InvalidError("cursor", "this cursor is none of ours; begin again")
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [datetime.fromisoformat(v["at"]) if isinstance(v, dict) else v for v in plain]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise wrong from None
    if len(values) != _PARTS or values[2] != way.name:
        raise wrong
    kinds = (_kind(way.column), _kind(way.unique))
    if not all(_fits(value, kind) for value, kind in zip(values, kinds, strict=False)):
        raise wrong
    return values[:2]


def _kind(column: Column) -> type[Any]:
    """What Python has for the column's values, below the types that are our own."""
    kind: Any = column.type
    while isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    found: type[Any] = kind.python_type
    return found


def _fits(value: Any, kind: type[Any]) -> bool:
    """Whether a database could compare it with the column; nobody checked what was sent."""
    if type(value) is not kind:
        return False
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return not isinstance(value, int) or abs(value) <= _LARGEST


def contains(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Search without regard to case; ``%`` and ``_`` in the text mean themselves."""
    return column.icontains(text, autoescape=True)
