"""An account of twenty thousand people reaches a new gateway while somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from control_plane.feed import service as feed
from edge_agent.sync.replica import Outcome, Replica
from shared.ids import CardId, UserId, new_id
from shared.messages.feed import FeedPage
from shared.messages.records import CardRecord, UserRecord, account_stream
from tests.support.counts import count
from tests.support.line import Primary, a_gateway, until

PEOPLE = count(4_000, 20_000)
MOST_SECONDS = 20.0


@pytest.mark.scaled
async def test_everybody_and_their_cards_are_there_within_twenty_seconds(
    primary: Primary, tmp_path: Path, proof: Callable[[str], None]
) -> None:
    stream = account_stream(primary.town.alder.account.id)
    users = [UserRecord(UserId(new_id()), f"user{n}", f"User {n}") for n in range(PEOPLE)]
    cards = [CardRecord(CardId(new_id()), u.id, f"{n:064x}", "1234") for n, u in enumerate(users)]
    with primary.database.writing() as session:
        feed.publish_all(session, stream, users)
        feed.publish_all(session, stream, cards)
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    applying = list[float]()
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        time_the_pages(box.replica, applying)
        began = time.monotonic()
        await until(lambda: box.replica.cursor(stream), "the account is here", 120)
        took = time.monotonic() - began
        assert len(box.replica.list(CardRecord, stream)) == PEOPLE
        last = box.replica.lookup(CardRecord, stream, f"{PEOPLE - 1:064x}")
        assert last is not None
        assert last.user_id == users[-1].id
    proof(f"{PEOPLE} people with cards: {len(applying)} pages applied in {sum(applying):.1f} s")
    proof(f"{took:.1f} s from connecting on, both sides in one process")
    assert took < MOST_SECONDS


def time_the_pages(replica: Replica, took: list[float]) -> None:
    """Note how long each page took to be on disk."""
    apply = replica.apply

    def timed(page: FeedPage) -> Outcome:
        began = time.monotonic()
        try:
            return apply(page)
        finally:
            took.append(time.monotonic() - began)

    replica.apply = timed  # type: ignore[method-assign]
