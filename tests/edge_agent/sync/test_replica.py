"""The replica: pages all or nothing, newer versions win, snapshots take over at once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sync.replica import Outcome, Replica
from shared.ids import AccountId, CardId, UserId, new_id
from shared.messages import codec
from shared.messages.feed import FeedPage, FeedRow, SnapshotPart
from shared.messages.hello import StreamCursor
from shared.messages.records import CardRecord, UserRecord, account_stream

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
STREAM = account_stream(AccountId(new_id()))
EPOCH = "e" * 32


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    replica = Replica(tmp_path / "replica.db")
    yield replica
    replica.close()


def a_user(name: str, seq: int, version: int = 1, **changes: Any) -> FeedRow:
    record = UserRecord(UserId(f"id of {name}"), name, name.title(), **changes)
    return FeedRow("user", record.id, version, seq, data=codec.to_plain(record))


def gone(row: FeedRow, seq: int) -> FeedRow:
    return dataclasses.replace(row, version=row.version + 1, seq=seq, deleted=True, data=None)


def a_page(after: int, upto: int, *rows: FeedRow, **changes: Any) -> FeedPage:
    page = FeedPage(1, "g", STREAM, EPOCH, after, upto, tuple(rows), NOW)
    return dataclasses.replace(page, **changes)


def a_snapshot(upto: int, *rows: FeedRow, **changes: Any) -> FeedPage:
    return a_page(0, upto, *rows, snapshot=SnapshotPart("s", 0, last=True), **changes)


def names(replica: Replica) -> list[str]:
    return [user.username for user in replica.list(UserRecord, STREAM)]


def test_a_stream_begins_with_a_snapshot(replica: Replica) -> None:
    assert replica.apply(a_page(0, 1, a_user("ada", 1))) is Outcome.GAP
    assert replica.apply(a_snapshot(1, a_user("ada", 1))) is Outcome.APPLIED
    assert names(replica) == ["ada"]
    assert replica.cursor(STREAM) == StreamCursor(EPOCH, 1)
    assert replica.known_as_of(STREAM) == NOW


def test_changes_are_applied_and_told(replica: Replica) -> None:
    told: list[tuple[str, frozenset[str]]] = []
    replica.subscribe(lambda stream, kinds: told.append((stream, kinds)))
    replica.apply(a_snapshot(1, a_user("ada", 1)))
    assert replica.apply(a_page(1, 2, a_user("ben", 2))) is Outcome.APPLIED
    assert names(replica) == ["ada", "ben"]
    assert told == [(STREAM, frozenset({"user"}))] * 2


def test_a_page_that_comes_twice_changes_nothing(replica: Replica) -> None:
    replica.apply(a_snapshot(1, a_user("ada", 1)))
    page = a_page(1, 2, a_user("ben", 2))
    replica.apply(page)
    told: list[str] = []
    replica.subscribe(lambda stream, kinds: told.append(stream))
    assert replica.apply(page) is Outcome.REPEATED
    assert told == []


def test_a_page_that_comes_early_counts_but_does_not_move_the_cursor(replica: Replica) -> None:
    ada, ben = a_user("ada", 1), a_user("ben", 1)
    replica.apply(a_snapshot(1, ada, ben))
    assert replica.apply(a_page(4, 5, gone(ben, 5))) is Outcome.GAP
    assert names(replica) == ["ada"]
    assert replica.cursor(STREAM) == StreamCursor(EPOCH, 1)


def test_a_tombstone_is_not_undone_by_an_older_row(replica: Replica) -> None:
    ada = a_user("ada", 2)
    replica.apply(a_snapshot(1))
    replica.apply(a_page(3, 4, gone(ada, 4)))
    assert replica.apply(a_page(1, 3, ada)) is Outcome.APPLIED
    assert names(replica) == []


def test_lookup_goes_by_the_kind_s_own_key(replica: Replica) -> None:
    card = CardRecord(CardId("c"), UserId("u"), "abcdef", "1234")
    row = FeedRow("card", card.id, 1, 2, data=codec.to_plain(card))
    replica.apply(a_snapshot(2, a_user("ada", 1), row))
    assert replica.lookup(CardRecord, STREAM, "abcdef") == card
    assert replica.lookup(CardRecord, STREAM, "c") is None
    assert replica.find(CardRecord, STREAM, "c") == card
    ada = replica.lookup(UserRecord, STREAM, "ada")
    assert ada is not None
    assert ada.display_name == "Ada"


def test_a_snapshot_takes_over_when_its_last_part_is_here(replica: Replica) -> None:
    replica.apply(a_snapshot(1, a_user("ada", 1), a_user("gone by now", 1)))
    parts = [SnapshotPart("t", n, last=n == 2) for n in range(3)]
    users = [a_user(name, 9) for name in ("ada", "ben", "eve")]
    for part, user in zip(parts[:2], users[:2], strict=True):
        assert replica.apply(a_page(0, 9, user, snapshot=part)) is Outcome.PARTIAL
        assert names(replica) == ["ada", "gone by now"]
    assert replica.apply(a_page(0, 9, users[2], snapshot=parts[2])) is Outcome.APPLIED
    assert names(replica) == ["ada", "ben", "eve"]


def test_parts_of_two_snapshots_are_not_mixed(replica: Replica) -> None:
    replica.apply(a_page(0, 9, a_user("ada", 1), snapshot=SnapshotPart("s", 0, last=False)))
    other = SnapshotPart("t", 1, last=True)
    assert replica.apply(a_page(0, 9, a_user("ben", 1), snapshot=other)) is Outcome.GAP
    assert names(replica) == []
    assert replica.cursor(STREAM) is None


def test_a_snapshot_may_go_back_in_versions(replica: Replica) -> None:
    replica.apply(a_snapshot(9, a_user("ada", 9, version=7, enabled=False)))
    restored = a_snapshot(3, a_user("ada", 3, version=2), feed_epoch="f" * 32)
    replica.apply(restored)
    ada = replica.lookup(UserRecord, STREAM, "ada")
    assert ada is not None
    assert ada.enabled
    assert replica.cursor(STREAM) == StreamCursor("f" * 32, 3)


def test_what_we_do_not_know_is_kept_and_reported(replica: Replica) -> None:
    novelty = FeedRow("hologram", "h", 1, 2, data={"id": "h", "depth": 3})
    broken = FeedRow("user", "b", 1, 2, data={"id": "b", "username": 7})
    assert replica.apply(a_snapshot(2, a_user("ada", 1), novelty, broken)) is Outcome.APPLIED
    assert names(replica) == ["ada"]
    assert set(replica.problems()) == {f"{STREAM}/hologram", f"{STREAM}/user"}


def test_a_quiet_stream_becomes_known_as_of_later(replica: Replica) -> None:
    replica.apply(a_snapshot(2, a_user("ada", 1)))
    later = NOW + timedelta(hours=1)
    assert not replica.touch(STREAM, StreamCursor(EPOCH, 3), later)
    assert replica.known_as_of(STREAM) == NOW
    assert replica.touch(STREAM, StreamCursor(EPOCH, 2), later)
    assert replica.known_as_of(STREAM) == later


def test_a_forgotten_account_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db")
    replica.apply(a_snapshot(1, a_user("ada-the-unmistakable", 1)))
    replica.forget(STREAM)
    assert replica.streams() == {}
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    replica.close()
    assert b"ada-the-unmistakable" not in left


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "replica.db")
    replica.apply(a_snapshot(1, a_user("ada", 1)))
    replica.close()
    again = Replica(tmp_path / "replica.db")
    assert names(again) == ["ada"]
    again.close()


@given(st.permutations(range(1, 9)), st.integers(0, 8))
def test_whatever_the_order_of_arrival_the_newest_version_stays(
    order: list[int], repeat: int
) -> None:
    replica = Replica(Path(":memory:"))
    replica.apply(a_snapshot(0))
    for version in [*order, *order[:repeat]]:
        row = FeedRow("user", "a", version, version, deleted=version % 2 == 0)
        if not row.deleted:
            record = UserRecord(UserId("a"), f"v{version}", "")
            row = dataclasses.replace(row, data=codec.to_plain(record))
        replica.apply(a_page(version - 1, version, row))
    assert names(replica) == []
    replica.apply(a_page(8, 9, a_user("newest", 9, version=9)))
    assert names(replica) == ["newest"]
    replica.close()


def test_a_snapshot_of_thousands_is_applied_quickly(replica: Replica) -> None:
    users = [a_user(f"user{n:05}", n) for n in range(2_000)]
    begun = time.monotonic()
    replica.apply(a_snapshot(2_000, *users))
    assert time.monotonic() - begun < 2
    assert len(names(replica)) == 2_000


def test_a_look_up_does_not_walk_through_everybody(replica: Replica) -> None:
    replica.apply(a_snapshot(2_000, *(a_user(f"user{n:05}", n) for n in range(2_000))))
    begun = time.monotonic()
    for _ in range(200):
        assert replica.lookup(UserRecord, STREAM, "user01999") is not None
    assert time.monotonic() - begun < 0.2  # Walking took 400 times as long.


def test_an_old_snapshot_does_not_bring_revoked_things_back(replica: Replica) -> None:
    ada = a_user("ada", 1)
    old = a_snapshot(1, ada, issued_at=NOW - timedelta(hours=1))
    replica.apply(old)
    replica.apply(a_page(1, 2, gone(ada, 2)))
    assert replica.apply(old) is Outcome.REPEATED
    assert names(replica) == []
    assert replica.apply(a_snapshot(3, a_user("ben", 3))) is Outcome.APPLIED
    assert names(replica) == ["ben"]
