"""The outbox: rows, chain, acknowledgements and new epochs, inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.jobs import outbox, outbox_lanes, outbox_pruning, outbox_tables, schema
from shared.ids import AccountId, GatewayId, JobId, new_id
from shared.job_states import JobState
from shared.messages import envelope
from shared.messages.envelope import BatchHeader, Lane
from shared.messages.events import AuditRecorded, JobChanged

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
GATEWAY = GatewayId(new_id())


def a_fact(event: str = "card.tapped", at: datetime = NOW) -> AuditRecorded:
    return AuditRecorded(new_id(), event, "ok", at, account_id=AccountId("a"))


def a_change(revision: int) -> JobChanged:
    return JobChanged(
        JobId("j"), AccountId("a"), "held", JobState.PENDING_HELD, (), NOW, revision=revision
    )


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(outbox_tables.SCHEMA + outbox_tables.PLACES)
    outbox.identify(connection, GATEWAY)
    yield connection
    connection.close()


def events(connection: sqlite3.Connection, after: int = 0, epoch: str | None = None) -> list[str]:
    run = outbox.unsent(connection, Lane.FACTS, after=after, epoch=epoch)
    return [] if run is None else [json.loads(row)["body"]["event"] for row in run.rows]


def test_rows_are_numbered_from_one_and_chained(connection: sqlite3.Connection) -> None:
    assert [outbox.append(connection, a_fact()) for _ in range(3)] == [1, 2, 3]
    run = outbox.unsent(connection, Lane.FACTS, after=0)
    state = outbox.lane_state(connection, Lane.FACTS)
    assert run is not None
    assert run.prev == envelope.chain_start(GATEWAY, Lane.FACTS, state.epoch)
    assert envelope.chain_over(run.prev, run.rows) == state.chain


def test_a_run_travels_as_a_batch_and_is_read_back(connection: sqlite3.Connection) -> None:
    for _ in range(20):
        outbox.append(connection, a_fact())
    run = outbox.unsent(connection, Lane.FACTS, after=4)
    assert run is not None
    header = BatchHeader(1, run.lane, run.epoch, run.first, run.prev.hex())
    batch = envelope.decode_batch(envelope.encode_batch(header, run.rows))
    assert (batch.header.first, batch.last) == (5, 20)
    assert [row.raw for row in batch.rows] == list(run.rows)


def test_a_rolled_back_transaction_leaves_no_fact(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    outbox.append(connection, a_fact())
    connection.execute("ROLLBACK")
    assert outbox.append(connection, a_fact("later")) == 1
    assert events(connection) == ["later"]


def test_an_acknowledged_row_is_kept_and_can_be_sent_again(connection: sqlite3.Connection) -> None:
    for name in ("one", "two", "three"):
        outbox.append(connection, a_fact(name))
    epoch = outbox.lane_state(connection, Lane.FACTS).epoch
    assert outbox.acknowledge(connection, Lane.FACTS, epoch, 2)
    assert not outbox.acknowledge(connection, Lane.FACTS, epoch, 1)
    assert outbox.waiting(connection, Lane.FACTS) == 1
    assert events(connection, after=0) == ["one", "two", "three"]


def test_an_acknowledgement_beyond_what_was_sent_is_not_believed(
    connection: sqlite3.Connection,
) -> None:
    outbox.append(connection, a_fact())
    epoch = outbox.lane_state(connection, Lane.FACTS).epoch
    assert not outbox.acknowledge(connection, Lane.FACTS, epoch, 2)
    assert not outbox.acknowledge(connection, Lane.FACTS, "0" * 32, 1)


def test_a_new_epoch_takes_what_was_not_acknowledged_with_it(
    connection: sqlite3.Connection,
) -> None:
    for name in ("one", "two", "three"):
        outbox.append(connection, a_fact(name))
    old = outbox.lane_state(connection, Lane.FACTS)
    outbox.acknowledge(connection, Lane.FACTS, old.epoch, 1)
    chain = outbox.chain_at(connection, Lane.FACTS, old.epoch, 1)
    epoch = outbox.new_epoch(connection, Lane.FACTS, why="behind")
    assert events(connection) == ["two", "three"]
    assert events(connection, epoch=old.epoch) == ["one"]
    left = outbox.predecessor(connection, Lane.FACTS, epoch)
    assert left == outbox_lanes.Predecessor(old.epoch, 1, chain or b"", "behind")


def test_rows_that_go_under_a_new_epoch_count_from_the_home_epoch_that_was_given_out(
    connection: sqlite3.Connection,
) -> None:
    told, untold = a_change(revision=2), a_change(revision=3)
    for fact in (told, untold):
        outbox.append(connection, fact)
    old = outbox.lane_state(connection, Lane.FACTS)
    outbox.acknowledge(connection, Lane.FACTS, old.epoch, 1)
    outbox.new_epoch(connection, Lane.FACTS, why="behind", home_epoch=5)
    run = outbox.unsent(connection, Lane.FACTS, after=0)
    assert run is not None
    (row,) = map(json.loads, run.rows)
    assert (row["body"]["revision"], row["body"]["home_epoch"]) == (3, 5)


def test_another_gateway_identity_begins_a_new_epoch(connection: sqlite3.Connection) -> None:
    outbox.append(connection, a_fact("one"))
    before = outbox.lane_state(connection, Lane.FACTS).epoch
    outbox.identify(connection, GatewayId(new_id()))
    assert outbox.lane_state(connection, Lane.FACTS).epoch != before
    assert events(connection) == ["one"]


def test_pruning_erases_old_acknowledged_rows_and_no_others(
    connection: sqlite3.Connection,
) -> None:
    for name in ("old and told", "old and not told"):
        outbox.append(connection, a_fact(name, NOW - timedelta(days=31)))
    epoch = outbox.lane_state(connection, Lane.FACTS).epoch
    outbox.acknowledge(connection, Lane.FACTS, epoch, 1)
    assert outbox_pruning.prune(connection, NOW) == 1
    run = outbox.unsent(connection, Lane.FACTS, after=1)
    assert run is not None
    assert events(connection) == ["old and not told"]
    state = outbox.lane_state(connection, Lane.FACTS)
    assert envelope.chain_over(run.prev, run.rows) == state.chain
    assert state.floor == 2


def test_acknowledged_rows_are_bounded_in_bytes(connection: sqlite3.Connection) -> None:
    for _ in range(50):
        outbox.append(connection, a_fact())
    epoch = outbox.lane_state(connection, Lane.FACTS).epoch
    outbox.acknowledge(connection, Lane.FACTS, epoch, 40)
    assert outbox_pruning.prune(connection, NOW, kept_bytes=0) == 40
    assert outbox.waiting(connection, Lane.FACTS) == 10


def test_what_is_asked_for_anew_meanwhile_is_not_erased(connection: sqlite3.Connection) -> None:
    """Between looking and erasing a restored primary may say that it has less."""
    for _ in range(4):
        outbox.append(connection, a_fact("old", NOW - timedelta(days=31)))
    epoch = outbox.lane_state(connection, Lane.FACTS).epoch
    outbox.acknowledge(connection, Lane.FACTS, epoch, 4)
    found = outbox_pruning.prunable(connection, NOW)
    assert len(found) == 4
    outbox.append(connection, a_fact("new"))
    assert (
        outbox_pruning.erase(connection, [*found, found[-1] + 1]) == 4
    )  # The last is not acknowledged.
    assert events(connection) == ["new"]


def test_telemetry_gives_up_its_oldest_and_leaves_a_gap(connection: sqlite3.Connection) -> None:
    for _ in range(50):
        outbox.append(connection, a_fact(), Lane.TELEMETRY)
    outbox_pruning.prune(connection, NOW, telemetry_bytes=4_000)
    run = outbox.unsent(connection, Lane.TELEMETRY, after=0)
    assert run is not None
    assert run.first > 1
    assert run.last == 50


def test_the_rows_of_an_earlier_release_keep_their_numbers_and_their_bytes(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    old.executescript(schema.MIGRATIONS[0] + "PRAGMA user_version = 1")
    epochs = {"facts": ("f" * 32, "e" * 32), "telemetry": ("d" * 32,)}
    written = []
    for lane, names in epochs.items():
        for ordinal, epoch in enumerate(names, 1):
            insert = "INSERT INTO outbox_epochs (lane, epoch, ordinal) VALUES (?, ?, ?)"
            old.execute(insert, (lane, epoch, ordinal))
            for seq in (1, 2, 3):
                row = (lane, epoch, seq, "2026-11-22T10:00:00.000Z", f"{epoch}{seq}".encode(), b"c")
                old.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?)", row)
                written.append(row)
    old.close()
    new = schema.open_for_writing(tmp_path / "jobs.db")
    assert sorted(new.execute("SELECT * FROM outbox").fetchall()) == sorted(written)
    run = outbox.unsent(new, Lane.FACTS, after=1, epoch="e" * 32)
    assert run is not None
    assert (run.first, run.rows) == (2, (b"e" * 32 + b"2", b"e" * 32 + b"3"))
    new.close()


def test_facts_written_together_are_those_written_one_by_one(
    connection: sqlite3.Connection,
) -> None:
    outbox.append(connection, a_fact("first"))
    assert outbox.append_drafts(connection, [outbox.draft(a_fact(e)) for e in "abc"]) == 4
    assert outbox.append(connection, a_fact("last")) == 5
    state = outbox.lane_state(connection, Lane.FACTS)
    run = outbox.unsent(connection, Lane.FACTS, after=0)
    assert run is not None
    assert events(connection) == ["first", "a", "b", "c", "last"]
    assert envelope.chain_over(run.prev, run.rows) == state.chain
