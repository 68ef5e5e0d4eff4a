"""The tables of the outbox.

::

    outbox_lanes    one row per lane: its epoch, the next seq, the chain so far, what is acked
    outbox_epochs   every epoch this database has had, and which one it followed
    outbox_rows     the rows, exactly as they travel (shared/messages/envelope.py)
    outbox          a view of them with lane, epoch and seq, for whoever looks into the file

A row's id is its place: lane, ordinal of the epoch and seq in one number. So it is written in one
place of the file and found without an index.
"""

from __future__ import annotations

from typing import Final

from shared.messages.envelope import Lane

SEQ_BITS: Final = 40
_LANE_BIT: Final = 61
_LANES: Final = (Lane.FACTS, Lane.TELEMETRY)

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS outbox_identity (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    gateway_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS outbox_lanes (
    lane     TEXT PRIMARY KEY,
    epoch    TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    chain    BLOB NOT NULL,             -- after next_seq - 1
    acked    INTEGER NOT NULL,          -- the highest seq that the primary has committed
    acked_chain BLOB NOT NULL           -- the chain after it
);
CREATE TABLE IF NOT EXISTS outbox_epochs (
    lane           TEXT NOT NULL,
    epoch          TEXT NOT NULL,
    ordinal        INTEGER NOT NULL,
    previous       TEXT,
    previous_seq   INTEGER,
    previous_chain BLOB,
    why            TEXT NOT NULL DEFAULT 'born',
    PRIMARY KEY (lane, epoch)
);
CREATE TABLE IF NOT EXISTS outbox (
    lane  TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq   INTEGER NOT NULL,
    at    TEXT NOT NULL,
    row   BLOB NOT NULL,
    chain BLOB NOT NULL,
    PRIMARY KEY (lane, epoch, seq)
);
CREATE INDEX IF NOT EXISTS outbox_by_age ON outbox (lane, at);
-- What the primary asked of us, so that nothing is done twice (edge_agent/sync/commands.py).
CREATE TABLE IF NOT EXISTS command_log (
    id            TEXT PRIMARY KEY,
    seq           INTEGER NOT NULL,
    primary_epoch INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    state         TEXT NOT NULL,
    at            TEXT NOT NULL
);
"""

PLACES: Final = f"""
CREATE TABLE outbox_rows (
    id    INTEGER PRIMARY KEY,          -- lane << {_LANE_BIT} | ordinal << {SEQ_BITS} | seq
    at    TEXT NOT NULL,
    row   BLOB NOT NULL,
    chain BLOB NOT NULL
);
INSERT INTO outbox_rows (id, at, row, chain)
    SELECT ((lane = 'telemetry') << {_LANE_BIT}) | (e.ordinal << {SEQ_BITS}) | seq, at, row, chain
    FROM outbox JOIN outbox_epochs AS e USING (lane, epoch);
DROP TABLE outbox;
CREATE VIEW outbox AS
    SELECT e.lane, e.epoch, r.id & {(1 << SEQ_BITS) - 1} AS seq, r.at, r.row, r.chain
    FROM outbox_epochs AS e JOIN outbox_rows AS r
    ON r.id BETWEEN (((e.lane = 'telemetry') << {_LANE_BIT}) | (e.ordinal << {SEQ_BITS})) + 1
    AND (((e.lane = 'telemetry') << {_LANE_BIT}) | (e.ordinal << {SEQ_BITS}))
        + {(1 << SEQ_BITS) - 1};
"""  # noqa: S608  numbers of ours


def place(lane: Lane, ordinal: int) -> int:
    """Tell below which id the rows of an epoch begin."""
    return _LANES.index(lane) << _LANE_BIT | ordinal << SEQ_BITS


def lane_span(lane: Lane) -> tuple[int, int]:
    """Tell the lowest and the highest id that a row of the lane can have."""
    return place(lane, 0), place(lane, 0) + (1 << _LANE_BIT) - 1
