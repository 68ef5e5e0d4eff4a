"""The gateway's outbox and replica against the bytes of docs/link.md."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from edge_agent.jobs import outbox, outbox_tables
from edge_agent.sync.replica import Outcome, Replica
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.envelope import Lane
from shared.messages.events import FACTS
from shared.messages.feed import FeedPage

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link.json").read_text()
)


def test_the_outbox_writes_these_rows_and_this_chain() -> None:
    given = VECTORS["chain"]
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(outbox_tables.SCHEMA + outbox_tables.PLACES)
    outbox.identify(connection, GatewayId(VECTORS["gateway_id"]))
    connection.execute(
        "INSERT INTO outbox_epochs (lane, epoch, ordinal) VALUES ('facts', ?, 1)",
        (given["epoch"],),
    )
    connection.execute(
        "INSERT INTO outbox_lanes VALUES ('facts', ?, 1, ?, 0, ?)",
        (given["epoch"], bytes.fromhex(given["chains"][0]), bytes.fromhex(given["chains"][0])),
    )
    for text in given["rows"]:
        row = json.loads(text)
        outbox.append(connection, codec.from_plain(FACTS[row["kind"]], row["body"]))
    run = outbox.unsent(connection, Lane.FACTS, after=0)
    assert run is not None
    assert [row.decode() for row in run.rows] == given["rows"]
    assert outbox.lane_state(connection, Lane.FACTS).chain.hex() == given["chains"][-1]
    connection.close()


def test_the_replica_takes_this_page_as_a_gap_first(tmp_path: Path) -> None:
    page = codec.from_plain(FeedPage, VECTORS["signing"]["messages"]["feed"]["message"])
    replica = Replica(tmp_path / "replica.db")
    assert replica.apply(page) is Outcome.GAP
    replica.close()
