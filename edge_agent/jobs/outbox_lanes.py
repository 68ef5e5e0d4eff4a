"""Lanes of the outbox as their rows say: the epoch, what is acknowledged, and the epochs before."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass

from edge_agent.jobs.outbox_tables import SEQ_BITS, place
from shared.ids import GatewayId
from shared.messages import envelope
from shared.messages.envelope import Lane


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The epoch before this one, and where this database left it."""

    epoch: str
    seq: int
    chain: bytes
    why: str


@dataclass(frozen=True, slots=True)
class LaneRow:
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


def base_of(connection: sqlite3.Connection, lane: Lane, epoch: str) -> int | None:
    row = connection.execute(
        "SELECT ordinal FROM outbox_epochs WHERE lane = ? AND epoch = ?", (lane.value, epoch)
    ).fetchone()
    return None if row is None else place(lane, row[0])


def find_lane(connection: sqlite3.Connection, lane: Lane) -> LaneRow | None:
    row = connection.execute(
        "SELECT epoch, next_seq, chain, acked, acked_chain, ordinal"
        " FROM outbox_lanes JOIN outbox_epochs USING (lane, epoch) WHERE lane = ?",
        (lane.value,),
    ).fetchone()
    if row is None:
        return None
    return LaneRow(row[0], row[1], bytes(row[2]), row[3], bytes(row[4]), base=place(lane, row[5]))


def open_lane(
    connection: sqlite3.Connection, lane: Lane, after: Predecessor | None = None
) -> LaneRow:
    epoch = secrets.token_hex(16)
    chain = chain_start(connection, lane, epoch)
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
    return LaneRow(epoch, 1, chain, 0, chain, base=place(lane, ordinal))


def _predecessor_columns(after: Predecessor) -> tuple[str, int, bytes, str]:
    return after.epoch, after.seq, after.chain, after.why


def chain_start(connection: sqlite3.Connection, lane: Lane, epoch: str) -> bytes:
    row = connection.execute("SELECT gateway_id FROM outbox_identity").fetchone()
    return envelope.chain_start(GatewayId(row[0] if row else ""), lane, epoch)
