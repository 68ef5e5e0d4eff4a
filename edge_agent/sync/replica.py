"""The replica: what the primary has told this gateway, kept in ``<state>/replica.db``.

::

    streams   one row per stream: the generation that counts, its cursor, as of when it is known,
              and the generation that a snapshot is filling
    rows      (stream, generation, kind, id) -> version, lookup key, data; tombstones stay

A page is applied all or nothing. A row is applied if its version is newer than ours, so that rows
may come early and twice; the cursor moves only when nothing is missing before the page. A snapshot
fills a generation of its own and takes over in one transaction. Kinds that we do not know, and
data that we cannot read, are kept and reported: a later version of this program may know them.
A row of version 0 is *lent*: this gateway takes it for granted (a card that was enrolled here)
until the primary tells of it, or says by a tombstone that it is wrong; a snapshot drops it.
There are no foreign keys: a card may come before its user.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from shared import clock
from shared.messages import codec
from shared.messages.codec import MessageError
from shared.messages.feed import FeedPage, FeedRow, SnapshotPart
from shared.messages.hello import StreamCursor
from shared.messages.records import KINDS

R = TypeVar("R")
OnChange = Callable[[str, frozenset[str]], None]

_LENT: Final = 0  # the version of what the primary has not told yet
_SKEW: Final = timedelta(minutes=1)  # between the clocks of two primaries

# By which field a record is looked up, besides its id.
LOOKUP_FIELDS: Final[Mapping[str, str]] = {
    "account": "short_name",
    "card": "card_hash",
    "print-token": "token_hash",
    "queue": "path",
    "terminal-code": "code_hash",
    "user": "username",
}
_KIND_OF: Final[Mapping[type[Any], str]] = {record: kind for kind, record in KINDS.items()}

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS streams (
    stream      TEXT PRIMARY KEY,
    generation  INTEGER NOT NULL,
    feed_epoch  TEXT,                 -- NULL: nothing of it is complete yet
    changed_seq INTEGER NOT NULL DEFAULT 0,
    as_of       TEXT,
    loading     TEXT,                 -- the id of the snapshot that fills generation + 1
    next_part   INTEGER
);
CREATE TABLE IF NOT EXISTS rows (
    stream     TEXT NOT NULL,
    generation INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    deleted    INTEGER NOT NULL,
    lookup     TEXT NOT NULL,
    data       TEXT,
    problem    TEXT,                  -- why we cannot read it
    PRIMARY KEY (stream, generation, kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_lookup ON rows (stream, generation, kind, lookup);
"""
# Left alone, SQLite walks through all rows of the kind: 50 ms of a tap among 20,000 cards.
_BY_LOOKUP: Final = "INDEXED BY rows_by_lookup"
_USABLE: Final = "deleted = 0 AND problem IS NULL"


class Outcome(Enum):
    """What became of a page."""

    APPLIED = "applied"
    REPEATED = "repeated"  # nothing in it was new
    GAP = "gap"  # something is missing before it: ask
    PARTIAL = "partial"  # one part of a snapshot; more are to come


@dataclass(frozen=True, slots=True)
class _Stream:
    generation: int = 0
    feed_epoch: str | None = None
    changed_seq: int = 0
    as_of: str | None = None
    loading: str | None = None
    next_part: int | None = None


class Replica:
    """Reads from any thread; pages are applied one at a time."""

    def __init__(self, path: Path) -> None:
        self._writer = _connect(path)
        self._writer.executescript(_SCHEMA)
        # A database in memory is one connection; a file has a reader that never waits for pages.
        self._own_reader = str(path) != ":memory:"
        self._reader = _connect(path) if self._own_reader else self._writer
        self._writing = threading.RLock()
        self._reading = threading.RLock() if self._own_reader else self._writing
        self._callbacks: list[OnChange] = []

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def subscribe(self, callback: OnChange) -> None:
        """Hear of each change after its commit: the stream and the kinds; from any thread."""
        self._callbacks.append(callback)

    # Reading

    def list(self, kind: type[R], stream: str) -> Sequence[R]:
        """List the records of a kind, by id."""
        return self._select(kind, stream, "ORDER BY id", ())

    def find(self, kind: type[R], stream: str, record_id: str) -> R | None:
        found = self._select(kind, stream, "AND id = ? LIMIT 1", (record_id,))
        return found[0] if found else None

    def lookup(self, kind: type[R], stream: str, key: str) -> R | None:
        """Find by the kind's own key: card hash, user name, queue path, hash of a code ..."""
        # What the primary told comes before what was taken for granted here.
        condition = "AND lookup = ? ORDER BY version DESC LIMIT 1"
        found = self._select(kind, stream, condition, (key,), index=_BY_LOOKUP)
        return found[0] if found else None

    def streams(self) -> dict[str, StreamCursor]:
        """Tell the cursors of all streams of which something complete is here."""
        rows = self._read(
            "SELECT stream, feed_epoch, changed_seq FROM streams WHERE feed_epoch IS NOT NULL", ()
        )
        return {row[0]: StreamCursor(row[1], row[2]) for row in rows}

    def cursor(self, stream: str) -> StreamCursor | None:
        return self.streams().get(stream)

    def known_as_of(self, stream: str) -> datetime | None:
        """Tell the primary's time at which the stream was complete; None: never."""
        rows = self._read("SELECT as_of FROM streams WHERE stream = ?", (stream,))
        return clock.from_wire(rows[0][0]) if rows and rows[0][0] else None

    def problems(self) -> dict[str, str]:
        """Tell what was received and cannot be used, as ``stream/kind`` and why."""
        rows = self._read(
            "SELECT r.stream, r.kind, min(r.problem), count(*) FROM rows r JOIN streams s"
            " ON s.stream = r.stream AND s.generation = r.generation"
            " WHERE r.problem IS NOT NULL AND r.deleted = 0 GROUP BY 1, 2",
            (),
        )
        return {f"{row[0]}/{row[1]}": f"{row[2]} ({row[3]} rows)" for row in rows}

    # Writing

    def apply(self, page: FeedPage) -> Outcome:
        """Apply a page whose signature was checked."""
        with self._writing:
            with self._transaction() as connection:
                if page.snapshot is None:
                    outcome, kinds = _apply_changes(connection, page)
                else:
                    outcome, kinds = _apply_snapshot(connection, page, page.snapshot)
            # Told while pages wait: listeners hear of changes in the order of their commits.
            if kinds:
                self._tell(page.stream, kinds)
        return outcome

    def touch(self, stream: str, cursor: StreamCursor, at: datetime) -> bool:
        """Note that the primary had nothing newer at that time; False where it has."""
        with self._writing, self._transaction() as connection:
            changed = connection.execute(
                "UPDATE streams SET as_of = ?"
                " WHERE stream = ? AND feed_epoch = ? AND changed_seq >= ?",
                (clock.to_wire(at), stream, cursor.feed_epoch, cursor.changed_seq),
            )
        return changed.rowcount == 1

    def generation(self, stream: str) -> int:
        """Tell which generation of a stream counts; a snapshot begins the next."""
        rows = self._read("SELECT generation FROM streams WHERE stream = ?", (stream,))
        return int(rows[0][0]) if rows else 0

    def lend(self, stream: str, record: Any, generation: int) -> None:
        """Take a record for granted until the primary tells of its id: it is older than any.

        Nothing where another generation counts by now: a snapshot may know better.
        """
        kind = _KIND_OF[type(record)]
        row = FeedRow(kind, record.id, _LENT, 0, deleted=False, data=codec.to_plain(record))
        with self._writing:
            with self._transaction() as connection:
                counts = _find_stream(connection, stream).generation == generation
                kinds = _write_rows(connection, stream, generation, [row] if counts else [])
            if kinds:
                self._tell(stream, kinds)

    def forget(self, stream: str) -> None:
        """Wipe a stream, also from the write-ahead log."""
        with self._writing:
            with self._transaction() as connection:
                connection.execute("DELETE FROM rows WHERE stream = ?", (stream,))
                connection.execute("DELETE FROM streams WHERE stream = ?", (stream,))
            with self._reading if self._own_reader else nullcontext():
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._tell(stream, frozenset(KINDS))

    def _select(
        self,
        kind: type[R],
        stream: str,
        condition: str,
        values: tuple[str, ...],
        *,
        index: str = "",
    ) -> Sequence[R]:
        rows = self._read(
            f"SELECT data FROM rows {index} WHERE stream = ? AND generation ="  # noqa: S608
            " (SELECT generation FROM streams WHERE stream = ?)"
            f" AND kind = ? AND {_USABLE} {condition}",
            (stream, stream, _KIND_OF[kind], *values),
        )
        return [codec.from_plain(kind, json.loads(row[0])) for row in rows]

    def _read(self, query: str, values: tuple[str, ...]) -> Sequence[Any]:
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    def _tell(self, stream: str, kinds: frozenset[str]) -> None:
        for callback in self._callbacks:
            callback(stream, kinds)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        with closing(connection.execute(f"PRAGMA {pragma}")) as cursor:
            cursor.fetchall()
    if str(path) != ":memory:":
        path.chmod(0o600)
    return connection


def _find_stream(connection: sqlite3.Connection, stream: str) -> _Stream:
    row = connection.execute(
        "SELECT generation, feed_epoch, changed_seq, as_of, loading, next_part FROM streams"
        " WHERE stream = ?",
        (stream,),
    ).fetchone()
    if row is not None:
        return _Stream(*row)
    connection.execute("INSERT INTO streams (stream, generation) VALUES (?, 0)", (stream,))
    return _Stream()


def _apply_changes(
    connection: sqlite3.Connection, page: FeedPage
) -> tuple[Outcome, frozenset[str]]:
    known = _find_stream(connection, page.stream)
    if known.feed_epoch != page.feed_epoch:
        return Outcome.GAP, frozenset()
    kinds = _write_rows(connection, page.stream, known.generation, page.rows)
    if page.after > known.changed_seq:
        return Outcome.GAP, kinds
    if page.upto < known.changed_seq:
        return Outcome.REPEATED, kinds
    as_of = None if page.more else clock.to_wire(page.issued_at)
    connection.execute(
        "UPDATE streams SET changed_seq = ?, as_of = coalesce(?, as_of) WHERE stream = ?",
        (page.upto, as_of, page.stream),
    )
    return (Outcome.APPLIED if page.upto > known.changed_seq else Outcome.REPEATED), kinds


def _apply_snapshot(
    connection: sqlite3.Connection, page: FeedPage, part: SnapshotPart
) -> tuple[Outcome, frozenset[str]]:
    known = _find_stream(connection, page.stream)
    if known.as_of is not None and page.issued_at < clock.from_wire(known.as_of) - _SKEW:
        # A broker that kept an old snapshot could bring revoked cards back with it.
        return Outcome.REPEATED, frozenset()
    filling = known.generation + 1
    if part.part == 0:
        _erase(connection, page.stream, filling)
    elif (known.loading, known.next_part) != (part.id, part.part):
        return Outcome.GAP, frozenset()
    _write_rows(connection, page.stream, filling, page.rows)
    if not part.last:
        connection.execute(
            "UPDATE streams SET loading = ?, next_part = ? WHERE stream = ?",
            (part.id, part.part + 1, page.stream),
        )
        return Outcome.PARTIAL, frozenset()
    connection.execute(
        "UPDATE streams SET generation = ?, feed_epoch = ?, changed_seq = ?, as_of = ?,"
        " loading = NULL, next_part = NULL WHERE stream = ?",
        (filling, page.feed_epoch, page.upto, clock.to_wire(page.issued_at), page.stream),
    )
    kinds = _kinds(connection, page.stream)
    _erase(connection, page.stream, known.generation)
    return Outcome.APPLIED, kinds


def _write_rows(
    connection: sqlite3.Connection, stream: str, generation: int, rows: Sequence[FeedRow]
) -> frozenset[str]:
    """Write what is newer than ours; returns the kinds in which something changed."""
    kinds = set()
    for row in rows:
        lookup, problem = (row.id, None) if row.deleted else _examine(row)
        data = None if row.deleted else codec.dumps(row.data).decode()
        written = connection.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (stream, generation, kind, id) DO UPDATE SET version = excluded.version,"
            " deleted = excluded.deleted, lookup = excluded.lookup, data = excluded.data,"
            " problem = excluded.problem WHERE excluded.version > version",
            (stream, generation, row.kind, row.id, row.version, row.deleted, lookup, data, problem),
        )
        if written.rowcount:
            kinds.add(row.kind)
    return frozenset(kinds)


def _examine(row: FeedRow) -> tuple[str, str | None]:
    """Tell the lookup key of a row, and what is wrong with it."""
    record = KINDS.get(row.kind)
    if record is None:
        return row.id, "of a kind that this version does not know"
    try:
        read = codec.from_plain(record, row.data)
    except MessageError as error:
        return row.id, str(error)
    return str(getattr(read, LOOKUP_FIELDS.get(row.kind, "id"))), None


def _kinds(connection: sqlite3.Connection, stream: str) -> frozenset[str]:
    rows = connection.execute("SELECT DISTINCT kind FROM rows WHERE stream = ?", (stream,))
    return frozenset(row[0] for row in rows)


def _erase(connection: sqlite3.Connection, stream: str, generation: int) -> None:
    connection.execute("DELETE FROM rows WHERE stream = ? AND generation = ?", (stream, generation))
