"""The outbox: what happened here and is to be told to the primary, in the same file as the jobs.

Its tables are in outbox_tables.py. An epoch is 128 random bits, born with the database. A new one
begins when the primary knows more than this database does (it was restored from a snapshot, or
copied): the rows that are not acknowledged go under it with new numbers, and it names its
predecessor.

Every function takes the connection of a transaction that the caller holds: a fact is in the
outbox exactly if what it tells was committed.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from edge_agent.jobs.outbox_tables import SEQ_BITS, lane_span, place
from shared import clock
from shared.ids import GatewayId
from shared.messages import codec, envelope
from shared.messages.envelope import Lane
from shared.messages.events import Fact

KEPT_FOR: Final = timedelta(days=30)
KEPT_BYTES: Final = 256 * 1024 * 1024  # acknowledged rows
TELEMETRY_BYTES: Final = 16 * 1024 * 1024  # rows that wait, before the oldest are given up


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane stands; what Hello says of it."""

    lane: Lane
    epoch: str
    next_seq: int
    chain: bytes
    acked: int
    floor: int  # the lowest seq of this epoch that is still kept


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The epoch before this one, and where this database left it."""

    epoch: str
    seq: int
    chain: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """Rows to send: one unbroken run of one epoch."""

    lane: Lane
    epoch: str
    first: int
    prev: bytes
    rows: tuple[bytes, ...]

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A row that lacks its number."""

    at: str
    row: bytes


def draft(fact: Fact) -> Draft:
    """Write a fact down, to be queued with others.

    Raises:
        ValueError: It is too large for a row.
    """
    at = clock.to_wire(fact.at)
    return _draft(kind=fact.KIND, entity=fact.entity, at=at, body=codec.to_text(fact))


def append(connection: sqlite3.Connection, fact: Fact, lane: Lane = Lane.FACTS) -> int:
    """Queue a fact in the caller's transaction; returns its seq."""
    return append_drafts(connection, [draft(fact)], lane)


def append_drafts(
    connection: sqlite3.Connection, drafts: Sequence[Draft], lane: Lane = Lane.FACTS
) -> int:
    """Queue facts in the caller's transaction, in their order; returns the last one's seq."""
    found = _find_lane(connection, lane) or _open_lane(connection, lane)
    chain, rows = found.chain, []
    for seq, waiting_draft in enumerate(drafts, start=found.next_seq):
        row = envelope.number_row(waiting_draft.row, seq)
        chain = envelope.chain_next(chain, row)
        rows.append((found.base + seq, waiting_draft.at, row, chain))
    connection.executemany("INSERT INTO outbox_rows (id, at, row, chain) VALUES (?, ?, ?, ?)", rows)
    connection.execute(
        "UPDATE outbox_lanes SET next_seq = ?, chain = ? WHERE lane = ?",
        (found.next_seq + len(drafts), chain, lane.value),
    )
    return found.next_seq + len(drafts) - 1


def identify(connection: sqlite3.Connection, gateway_id: GatewayId) -> None:
    """Say whose outbox this is; rows queued before, or under another name, get a new epoch."""
    known = connection.execute("SELECT gateway_id FROM outbox_identity").fetchone()
    if known is not None and known[0] == gateway_id:
        return
    connection.execute("INSERT OR REPLACE INTO outbox_identity VALUES (1, ?)", (gateway_id,))
    for lane in Lane:
        if _find_lane(connection, lane) is not None:
            new_epoch(connection, lane, why="identity")


def lane_state(connection: sqlite3.Connection, lane: Lane) -> LaneState:
    """Tell where the lane stands; gives it its first epoch where it has none."""
    found = _find_lane(connection, lane) or _open_lane(connection, lane)
    row = connection.execute(
        "SELECT min(id) FROM outbox_rows WHERE id > ? AND id < ?", found.span()
    ).fetchone()
    floor = found.next_seq if row[0] is None else int(row[0]) - found.base
    return LaneState(lane, found.epoch, found.next_seq, found.chain, found.acked, floor)


def predecessor(connection: sqlite3.Connection, lane: Lane, epoch: str) -> Predecessor | None:
    """Tell which epoch came before this one; None for the first, or for one never heard of."""
    row = connection.execute(
        "SELECT previous, previous_seq, previous_chain, why FROM outbox_epochs"
        " WHERE lane = ? AND epoch = ? AND previous IS NOT NULL",
        (lane.value, epoch),
    ).fetchone()
    return None if row is None else Predecessor(row[0], row[1], bytes(row[2]), row[3])


def knows_epoch(connection: sqlite3.Connection, lane: Lane, epoch: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM outbox_epochs WHERE lane = ? AND epoch = ?", (lane.value, epoch)
    )
    return found.fetchone() is not None


def chain_at(connection: sqlite3.Connection, lane: Lane, epoch: str, seq: int) -> bytes | None:
    """Tell the chain after ``seq``; None where that row is not (or no longer) here."""
    if seq == 0:
        return _chain_start(connection, lane, epoch)
    found = _find_lane(connection, lane)
    if found is not None and found.epoch == epoch and found.acked == seq:
        return found.acked_chain
    base = _base(connection, lane, epoch)
    if base is None:
        return None
    row = connection.execute("SELECT chain FROM outbox_rows WHERE id = ?", (base + seq,)).fetchone()
    return None if row is None else bytes(row[0])


def unsent(
    connection: sqlite3.Connection,
    lane: Lane,
    *,
    after: int,
    epoch: str | None = None,
    max_rows: int = envelope.MAX_ROWS,
    max_bytes: int = envelope.MAX_BATCH_BYTES,
) -> Run | None:
    """Take the next rows after seq ``after`` of an epoch (the present one unless named)."""
    if epoch is None:
        found = _find_lane(connection, lane)
        if found is None:
            return None
        epoch = found.epoch
    base = _base(connection, lane, epoch)
    if base is None:
        return None
    rows = connection.execute(
        "SELECT id, row FROM outbox_rows WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
        (base + after, base + (1 << SEQ_BITS), max_rows),
    )
    first, taken, size = 0, list[bytes](), 0
    for row_id, row in rows:
        size += len(row) + 1
        if taken and size > max_bytes:
            break
        first = first or row_id - base
        taken.append(bytes(row))
    if not taken:
        return None
    prev = chain_at(connection, lane, epoch, first - 1) or bytes(32)
    return Run(lane, epoch, first, prev, tuple(taken))


def acknowledge(connection: sqlite3.Connection, lane: Lane, epoch: str, upto_seq: int) -> bool:
    """Note what the primary has committed; False where it says nothing new.

    Acknowledged rows stay (``prune``), since a primary that is restored from a backup asks again.
    """
    chain = chain_at(connection, lane, epoch, upto_seq)
    changed = connection.execute(
        "UPDATE outbox_lanes SET acked = ?, acked_chain = ?"
        " WHERE lane = ? AND epoch = ? AND acked < ? AND next_seq > ?",
        (upto_seq, chain or bytes(32), lane.value, epoch, upto_seq, upto_seq),
    )
    return changed.rowcount == 1


def new_epoch(
    connection: sqlite3.Connection,
    lane: Lane,
    *,
    why: str,
    after: int | None = None,
    home_epoch: int | None = None,
) -> str:
    """Begin a new epoch; the rows after ``after`` go under it, in order, newly numbered.

    ``after`` is the last acknowledged row unless it is given. ``home_epoch``: the primary has
    other rows of the same revisions of the same jobs, from the time that this database does not
    remember; what happened here comes after them, under this number.
    """
    old = _find_lane(connection, lane) or _open_lane(connection, lane)
    left_at = old.acked if after is None else after
    left_chain = chain_at(connection, lane, old.epoch, left_at) or bytes(32)
    after_it = (old.base + left_at, old.span()[1])
    pending = [
        bytes(row[0])
        for row in connection.execute(
            "SELECT row FROM outbox_rows WHERE id > ? AND id < ? ORDER BY id", after_it
        )
    ]
    connection.execute("DELETE FROM outbox_rows WHERE id > ? AND id < ?", after_it)
    left = Predecessor(old.epoch, left_at, left_chain, why)
    epoch = _open_lane(connection, lane, left).epoch
    drafts = []
    for row in pending:
        text = json.loads(row)
        if home_epoch is not None and "home_epoch" in text["body"]:
            text["body"]["home_epoch"] = home_epoch
        body = codec.dumps(text["body"]).decode()
        drafts.append(_draft(kind=text["kind"], entity=text["entity"], at=text["at"], body=body))
    append_drafts(connection, drafts, lane)
    return epoch


def untold(connection: sqlite3.Connection, kind: str) -> list[dict[str, Any]]:
    """Read the bodies of the facts of a kind that the primary has not acknowledged."""
    found = _find_lane(connection, Lane.FACTS)
    if found is None:
        return []
    rows = connection.execute(
        "SELECT row FROM outbox_rows WHERE id > ? AND id < ? AND instr(row, ?) ORDER BY id",
        (found.base + found.acked, found.span()[1], f'"kind":"{kind}"'.encode()),
    )
    read = (json.loads(row[0]) for row in rows)
    return [row["body"] for row in read if row["kind"] == kind]


def waiting(connection: sqlite3.Connection, lane: Lane) -> int:
    """Count the rows that the primary has not acknowledged."""
    found = _find_lane(connection, lane)
    return 0 if found is None else found.next_seq - 1 - found.acked


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
        row = _find_lane(connection, lane)
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
        row = _find_lane(connection, lane)
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


def _settled(lane: Lane, row: _Lane) -> tuple[str, tuple[int, ...]]:
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


@dataclass(frozen=True, slots=True)
class _Lane:
    """The row of ``outbox_lanes``, and where the rows of its epoch are."""

    epoch: str
    next_seq: int
    chain: bytes
    acked: int
    acked_chain: bytes
    base: int  # a row's id is this and its seq

    def span(self) -> tuple[int, int]:
        """Below and above the ids of every row of this epoch."""
        return self.base, self.base + (1 << SEQ_BITS)


def _draft(*, kind: str, entity: str, at: str, body: str) -> Draft:
    row = envelope.unnumbered_row(kind, entity, at, body)
    if len(row) > envelope.MAX_ROW_BYTES - len(',"seq":}') - SEQ_BITS // 3:
        raise ValueError(f"a {kind} of {len(row)} bytes does not fit the outbox")
    return Draft(at, row)


def _base(connection: sqlite3.Connection, lane: Lane, epoch: str) -> int | None:
    row = connection.execute(
        "SELECT ordinal FROM outbox_epochs WHERE lane = ? AND epoch = ?", (lane.value, epoch)
    ).fetchone()
    return None if row is None else place(lane, row[0])


def _find_lane(connection: sqlite3.Connection, lane: Lane) -> _Lane | None:
    row = connection.execute(
        "SELECT epoch, next_seq, chain, acked, acked_chain, ordinal"
        " FROM outbox_lanes JOIN outbox_epochs USING (lane, epoch) WHERE lane = ?",
        (lane.value,),
    ).fetchone()
    if row is None:
        return None
    return _Lane(row[0], row[1], bytes(row[2]), row[3], bytes(row[4]), base=place(lane, row[5]))


def _open_lane(
    connection: sqlite3.Connection, lane: Lane, after: Predecessor | None = None
) -> _Lane:
    epoch = secrets.token_hex(16)
    chain = _chain_start(connection, lane, epoch)
    ordinal = connection.execute(
        "SELECT count(*) + 1 FROM outbox_epochs WHERE lane = ?", (lane.value,)
    ).fetchone()[0]
    known = (None, None, None, "born") if after is None else _predecessor_columns(after)
    connection.execute(
        "INSERT INTO outbox_epochs VALUES (?, ?, ?, ?, ?, ?, ?)",
        (lane.value, epoch, ordinal, *known),
    )
    connection.execute(
        "INSERT OR REPLACE INTO outbox_lanes (lane, epoch, next_seq, chain, acked, acked_chain)"
        " VALUES (?, ?, 1, ?, 0, ?)",
        (lane.value, epoch, chain, chain),
    )
    return _Lane(epoch, 1, chain, 0, chain, base=place(lane, ordinal))


def _predecessor_columns(after: Predecessor) -> tuple[str, int, bytes, str]:
    return after.epoch, after.seq, after.chain, after.why


def _chain_start(connection: sqlite3.Connection, lane: Lane, epoch: str) -> bytes:
    row = connection.execute("SELECT gateway_id FROM outbox_identity").fetchone()
    return envelope.chain_start(GatewayId(row[0] if row else ""), lane, epoch)
