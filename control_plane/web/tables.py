"""Lists as files: CSV that a spreadsheet opens, and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from flask import Response, stream_with_context
from sqlalchemy.orm import Session

from control_plane.request import reading
from shared.i18n import gettext

_ = gettext

# A spreadsheet takes a cell that begins like this for a formula (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")

Row = Sequence[Any]
# Some rows of a list after a cursor, and the cursor for those after them.
ReadSome = Callable[[Session, str | None], tuple[Iterable[Row], str | None]]


def every_row(read: ReadSome) -> Iterator[Row]:
    """Read a whole list, some rows at a time, while it is sent.

    Each time in a short transaction of its own: a slow reader holds up nobody.
    """
    cursor: str | None = None
    while True:
        with reading() as session:
            found, cursor = read(session, cursor)
            rows = list(found)
        yield from rows
        if cursor is None:
            return


def csv_response(name: str, header: Row, rows: Iterable[Row]) -> Response:
    """Answer with a CSV file; UTF-8 with a mark, so that spreadsheets read the umlauts."""
    waiting = iter(rows)
    # What is wrong with the question shows before the answer has begun.
    first = list(islice(waiting, 1))
    lines = _lines(chain([header], first, waiting))
    answer = Response(stream_with_context(lines), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    yield "\ufeff"
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer).writerow([cell(value) for value in row])
        yield buffer.getvalue()


def yes_or_no(value: bool) -> str:  # noqa: FBT001
    return _("yes") if value else _("no")


def cell(value: Any) -> str:
    """Write one value; text that looks like a formula is kept text by an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = str(value)
    if isinstance(value, str) and text.startswith(_FORMULA):
        return f"'{text}"
    return text
