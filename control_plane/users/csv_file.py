"""A CSV file of people as spreadsheets write them: its encoding, its separator, its lines.

What is wrong with the whole file is an ``InvalidError``; what is wrong with a line stands in its
row, so that the others go on.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from control_plane.errors import InvalidError
from shared import cards
from shared.i18n import mark
from shared.secrets import canonical_username

COLUMNS: Final = ("username", "display_name", "email", "password", "pin", "role", "card")
MAX_LINES: Final = 20_000
MAX_BYTES: Final = 2_000_000
_SEPARATORS: Final = ",;\t"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FEWER: Final = mark("the heading has %(wanted)s columns, this line has %(found)s")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, English with places; pages translate it."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text % self.values if self.values else self.text


@dataclass(frozen=True, slots=True)
class Row:
    """One line: where it stands in the file, its cells by column, and what is wrong with it."""

    number: int  # in the file, its heading being 1
    cells: Mapping[str, str]
    column: str = ""
    problem: Problem | None = None


def decode(data: bytes) -> str:
    """Read a file's text: UTF-8, or UTF-16 as spreadsheets mark it.

    Raises:
        InvalidError: It is neither, or too large; the text names the line.
    """
    if len(data) > MAX_BYTES:
        raise InvalidError("csv", "the file is larger than 2 MB; split it")
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidError(
            "csv", "line %(line)s is not UTF-8; save the file as CSV in UTF-8", line=line
        ) from None
    if "\0" in text:
        raise InvalidError("csv", "this is no text; save the table as CSV in UTF-8")
    return text


def read(text: str) -> list[Row]:
    """Read the lines; the heading tells the separator: a comma, a semicolon or a tabulator.

    Raises:
        InvalidError: It has no heading that we know, or too many lines.
    """
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    separator = _separator(lines.readline())
    lines.seek(0)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        names = _heading(next(reader, []))
        rows = [
            _row(reader.line_num, names, cells)
            for cells in islice(reader, MAX_LINES + 1)
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise InvalidError(
            "csv", "line %(line)s is not CSV: %(why)s", line=reader.line_num, why=error
        ) from None
    if len(rows) > MAX_LINES:
        raise InvalidError("csv", "more than 20,000 lines; split the file")
    return list(_without_repeats(rows))


def _separator(heading: str) -> str:
    return max(_SEPARATORS, key=heading.count)


def _heading(cells: Iterable[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if "username" not in names:
        raise InvalidError("csv", "the first line must name the columns, one of them username")
    for n, name in enumerate(names):
        if name not in COLUMNS:
            raise InvalidError("csv", "there is no column %(column)r", column=name)
        if name in names[:n]:
            raise InvalidError("csv", "the column %(column)s stands there twice", column=name)
    return names


def _row(number: int, names: list[str], cells: list[str]) -> Row:
    found = dict(zip(names, (cell.strip() for cell in cells), strict=False))
    if len(cells) == len(names):
        return Row(number, found)
    values = {"wanted": len(names), "found": len(cells)}
    return Row(number, found, problem=Problem(_FEWER, values))


def _without_repeats(rows: Iterable[Row]) -> Iterable[Row]:
    """Mark lines that name a person or a card of an earlier line."""
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        for column, canonical in (("username", _username), ("card", _card)):
            key = column, canonical(row.cells.get(column, ""))
            if not key[1] or row.problem:
                continue
            if key in seen:
                problem = Problem(mark("the same as in line %(line)s"), {"line": seen[key]})
                row = replace(row, column=column, problem=problem)  # noqa: PLW2901
            else:
                seen[key] = row.number
        yield row


def _username(text: str) -> str:
    try:
        return canonical_username(text)
    except ValueError:
        return ""  # The person's own check says what is wrong with it.


def _card(text: str) -> str:
    try:
        return cards.canonical(text).hex
    except ValueError:
        return ""
