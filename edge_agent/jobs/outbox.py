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
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.jobs.outbox_lanes import Predecessor, base_of, chain_start, find_lane, open_lane
from edge_agent.jobs.outbox_tables import SEQ_BITS
from shared import clock
from shared.ids import GatewayId
from shared.messages import codec, envelope
from shared.messages.envelope import Lane
from shared.messages.events import Fact


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
    found = find_lane(connection, lane) or open_lane(connection, lane)
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
        if find_lane(connection, lane) is not None:
            new_epoch(connection, lane, why="identity")


def lane_state(connection: sqlite3.Connection, lane: Lane) -> LaneState:
    """Tell where the lane stands; gives it its first epoch where it has none."""
    found = find_lane(connection, lane) or open_lane(connection, lane)
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
        return chain_start(connection, lane, epoch)
    found = find_lane(connection, lane)
    if found is not None and found.epoch == epoch and found.acked == seq:
        return found.acked_chain
    base = base_of(connection, lane, epoch)
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
        found = find_lane(connection, lane)
        if found is None:
            return None
        epoch = found.epoch
    base = base_of(connection, lane, epoch)
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
    old = find_lane(connection, lane) or open_lane(connection, lane)
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
    epoch = open_lane(connection, lane, left).epoch
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
    found = find_lane(connection, Lane.FACTS)
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
    found = find_lane(connection, lane)
    return 0 if found is None else found.next_seq - 1 - found.acked


def _draft(*, kind: str, entity: str, at: str, body: str) -> Draft:
    row = envelope.unnumbered_row(kind, entity, at, body)
    if len(row) > envelope.MAX_ROW_BYTES - len(',"seq":}') - SEQ_BITS // 3:
        raise ValueError(f"a {kind} of {len(row)} bytes does not fit the outbox")
    return Draft(at, row)
