"""People from a CSV file: first a dry run that says what would happen, then the same for real.

Columns by name, in any order: ``username`` (needed), ``display_name``, ``email``, ``password``,
``pin``, ``role``, ``card``. Who is there already is changed where the file says otherwise; nobody
is removed. A line that cannot be used is named and left out; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from control_plane.users import csv_file
from control_plane.users.csv_file import Row
from control_plane.users.import_batch import SECRETS, Batch, Import, Line

__all__ = ["Import", "Line", "run"]

# People in one transaction: others write in between. A password costs some 30 ms to hash.
_AT_ONCE: Final = 200
_SECRETS_AT_ONCE: Final = 8


def run(
    order: Import, text: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Line]:
    """Import, or say what would happen; ``progress`` hears of every batch.

    Raises:
        InvalidError: The file as a whole cannot be used.
    """
    rows = csv_file.read(text)
    lines: list[Line] = []
    for some in _batches(rows, dry_run=order.dry_run):
        with order.database.writing() as session:
            lines += Batch(session, order, some).carry_out()
            if order.dry_run:
                session.rollback()
        progress(len(lines), len(rows))
    return lines


def _batches(rows: Sequence[Row], *, dry_run: bool) -> Iterator[Sequence[Row]]:
    """Split the rows so that no transaction takes long; a dry run hashes nothing."""
    begin = secrets = 0
    for n, row in enumerate(rows):
        more = 0 if dry_run else sum(1 for key in SECRETS if row.cells.get(key))
        if n - begin >= _AT_ONCE or (secrets and secrets + more > _SECRETS_AT_ONCE):
            yield rows[begin:n]
            begin, secrets = n, 0
        secrets += more
    if begin < len(rows):
        yield rows[begin:]
