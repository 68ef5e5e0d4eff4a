"""Pages of a list by cursor: the next begins after the last row seen, however rows come and go."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from control_plane.errors import InvalidError

T = TypeVar("T")

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_KEYS: Final = 2


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor for those after them; None: these were the last."""

    items: Sequence[T]
    next_cursor: str | None = None


def paginate(
    session: Session,
    query: Select[T],
    by: tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]],
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    newest_first: bool = False,
) -> Page[T]:
    """Read one page in the order of two columns, the second of them unique.

    Raises:
        InvalidError: The cursor is none of ours.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    if cursor:
        query = query.where(_after(by, _read_cursor(cursor), newest_first=newest_first))
    order = [column.desc() for column in by] if newest_first else [column.asc() for column in by]
    rows = session.scalars(query.order_by(*order).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows)
    last = rows[limit - 1]
    return Page(rows[:limit], _write_cursor([getattr(last, column.key) for column in by]))


def _after(
    by: tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]],
    values: list[Any],
    *,
    newest_first: bool,
) -> ColumnElement[bool]:
    first, second = by
    if newest_first:
        return or_(first < values[0], and_(first == values[0], second < values[1]))
    return or_(first > values[0], and_(first == values[0], second > values[1]))


def _write_cursor(values: list[Any]) -> str:
    plain = [{"at": v.isoformat()} if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> list[Any]:
    wrong = InvalidError("cursor", "this cursor is none of ours; begin again")
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [datetime.fromisoformat(v["at"]) if isinstance(v, dict) else v for v in plain]
    except (ValueError, TypeError, KeyError):
        raise wrong from None
    if len(values) != _KEYS or not all(isinstance(v, str | int | datetime) for v in values):
        raise wrong
    if any(isinstance(v, datetime) and v.tzinfo is None for v in values):
        raise wrong
    return values


def contains(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Search without regard to case; ``%`` and ``_`` in the text mean themselves."""
    return column.icontains(text, autoescape=True)
