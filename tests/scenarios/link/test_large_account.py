"""An account of twenty thousand people reaches a new gateway while somebody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from control_plane.feed import service as feed
from shared.ids import CardId, UserId, new_id
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
    began = time.monotonic()
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await until(lambda: box.replica.cursor(stream), "the account is here", MOST_SECONDS * 2)
        took = time.monotonic() - began
        assert len(box.replica.list(CardRecord, stream)) == PEOPLE
        last = box.replica.lookup(CardRecord, stream, f"{PEOPLE - 1:064x}")
        assert last is not None
        assert last.user_id == users[-1].id
    proof(f"{PEOPLE} people with cards applied as a snapshot in {took:.1f} s, with connecting")
    assert took < MOST_SECONDS
