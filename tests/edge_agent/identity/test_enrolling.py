"""A card that nobody has becomes theirs who sign in beside it, where the account wants that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import cards
from shared.crypto import sealing
from shared.ids import CardId, ReaderId, new_id
from shared.messages.calls import AuthenticateCard, Authenticated, EnrolCard
from shared.messages.records import CardRecord, UnknownCards, card_context
from tests.support.people import (
    ADAS_CARD,
    BENS_CARD,
    CARD_KEY,
    PASSWORD,
    PIN,
)
from tests.support.sign_in import SignIn, signing_in

NEW_CARD = "04FFEEDDCCBB80"
OTHER_CARD = "04FFEEDDCCBB81"
A_PHONE = "08A1B2C3"
KEY = sealing.new_key()


class Door(SignIn):
    """Authentication with enrolment, as a station sees it."""

    async def tap(self, number: str) -> Authenticated:
        header, alder = self.calls.header(), self.people.alder.id
        return await self.calls.ask(AuthenticateCard(header, alder, number, ReaderId("reader-1")))

    async def enrol(
        self, number: str, username: str = "ada", password: str = PASSWORD
    ) -> Authenticated:
        call = EnrolCard(
            self.calls.header(), self.people.alder.id, number, username, password,
            "terminal:1", self.people.printer_id, ReaderId("reader-1"),
        )  # fmt: skip
        return await self.calls.ask(call)

    def wants(self, policy: UnknownCards) -> None:
        key = sealing.public_key(KEY)
        self.people.change_account(self.people.alder, unknown_cards=policy, card_sealing_key=key)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with signing_in(tmp_path, Door) as door:
        door.wants(UnknownCards.ENROL)
        yield door


async def test_who_signs_in_beside_a_new_card_has_it_at_once(door: Door) -> None:
    assert (await door.tap(NEW_CARD)).reason == "may-enrol"
    answer = await door.enrol(NEW_CARD)
    assert (answer.ok, answer.says) == (True, "Hello Ada. This card is yours now.")
    tapped = await door.tap(NEW_CARD)
    assert (tapped.ok, tapped.username, tapped.card_id) == (True, "ada", answer.card_id)
    (fact,) = door.enrolled
    context = card_context(fact.account_id, fact.card_id)
    assert sealing.unseal(KEY, fact.sealed_number, context).decode() == NEW_CARD
    assert fact.card_hash == cards.card_hash(CARD_KEY, cards.canonical(NEW_CARD))
    assert (fact.last4, fact.printer_id) == ("BB80", door.people.printer_id)


async def test_a_pin_will_do_for_who_has_no_password(door: Door) -> None:
    door.people.change_user(door.people.alder, "ben", password_hash=None)
    assert not (await door.enrol(NEW_CARD, "ben", "000000")).ok
    assert (await door.enrol(NEW_CARD, "ben", PIN)).ok
    assert (await door.tap(NEW_CARD)).username == "ben"


async def test_where_the_account_refuses_unknown_cards_nothing_becomes_anybodys(door: Door) -> None:
    door.wants(UnknownCards.REFUSE)
    assert (await door.tap(NEW_CARD)).reason == "unknown-card"
    assert (await door.enrol(NEW_CARD)).reason == "unknown-card"
    assert door.enrolled == []


@pytest.mark.parametrize("number", [A_PHONE, "no card"])
async def test_what_changes_with_each_tap_is_no_card_to_have(door: Door, number: str) -> None:
    assert (await door.tap(number)).reason == "unknown-card"
    assert (await door.enrol(number)).reason == "unknown-card"
    assert door.enrolled == []


async def test_a_card_of_somebody_else_is_never_taken_over(door: Door) -> None:
    answer = await door.enrol(BENS_CARD)
    assert (answer.ok, answer.reason) == (False, "card-taken")
    assert (await door.tap(BENS_CARD)).username == "ben"
    await door.audit.flush()
    refused = [row for row in door.audited if row.event == "card.enrolment-refused"]
    assert [row.detail["reason"] for row in refused] == ["card-taken"]
    # One's own is simply there.
    assert (await door.enrol(ADAS_CARD)).card_id == door.people.alder.cards["ada"].id
    assert door.enrolled == []


async def test_guessing_beside_a_card_is_counted_as_any_guess(door: Door) -> None:
    reasons = [(await door.enrol(NEW_CARD, "ada", f"guess {n}")).reason for n in range(6)]
    assert reasons == ["wrong-password"] * 5 + ["locked"]
    assert (await door.enrol(NEW_CARD)).reason == "locked"
    assert door.enrolled == []
    door.clock.move(minutes=16)
    assert (await door.enrol(NEW_CARD)).ok


async def test_nobody_makes_a_pile_of_cards_theirs(door: Door) -> None:
    numbers = [f"04FFEEDDCC00{n:02}" for n in range(7)]
    reasons = [(await door.enrol(number)).reason for number in numbers]
    assert reasons == ["ok"] * 5 + ["locked"] * 2
    # The count is on disk.
    await door.service.stop()
    await door.service.start()
    assert (await door.enrol(numbers[6])).reason == "locked"
    assert (await door.enrol(numbers[6], "ben")).ok


async def test_new_cards_that_become_somebodys_do_not_shut_the_reader(door: Door) -> None:
    for n in range(24):
        number = f"04FFEEDDCC10{n:02}"
        assert (await door.tap(number)).reason == "may-enrol", n
        assert (await door.enrol(number, "ada" if n % 2 else "ben")).ok
        door.clock.move(minutes=3.5)


async def test_the_primarys_card_takes_the_place_of_the_lent_one(door: Door) -> None:
    await door.enrol(NEW_CARD)
    (fact,) = door.enrolled
    record = CardRecord(fact.card_id, fact.user_id, fact.card_hash, fact.last4)
    door.people.feed.put(door.people.alder.stream, record)
    assert (await door.tap(NEW_CARD)).username == "ada"
    door.people.feed.remove(door.people.alder.stream, CardRecord, fact.card_id)
    assert (await door.tap(NEW_CARD)).reason == "may-enrol"


async def test_where_somebody_else_was_told_of_first_the_lent_card_ends(door: Door) -> None:
    await door.enrol(NEW_CARD)
    (fact,) = door.enrolled
    ben = door.people.alder.users["ben"].id
    first = CardRecord(CardId(new_id()), ben, fact.card_hash, fact.last4)
    door.people.feed.put(door.people.alder.stream, first)
    # What the primary told counts, also while the tombstone of the other is on its way.
    assert (await door.tap(NEW_CARD)).username == "ben"
    door.people.feed.remove(door.people.alder.stream, CardRecord, fact.card_id)
    assert (await door.tap(NEW_CARD)).username == "ben"


@pytest.mark.parametrize("is_told", [False, True])
async def test_a_snapshot_drops_what_was_told_and_keeps_what_was_not(
    door: Door, *, is_told: bool
) -> None:
    await door.enrol(NEW_CARD)
    if is_told:
        door.enrolled.clear()
    alder = door.people.alder
    records = (alder.record, *alder.users.values(), *alder.cards.values())
    door.people.feed.snapshot(alder.stream, *records)
    async with asyncio.timeout(10):
        while (await door.tap(NEW_CARD)).ok is is_told:
            await asyncio.sleep(0.01)
    assert (await door.tap(NEW_CARD)).reason == ("may-enrol" if is_told else "ok")


async def test_what_a_restart_left_untold_works_again(door: Door) -> None:
    await door.enrol(NEW_CARD)
    await door.service.stop()
    door.people.replica.forget(door.people.alder.stream)
    alder = door.people.alder
    door.people.feed.snapshot(alder.stream, alder.record, *alder.users.values())
    await door.service.start()
    async with asyncio.timeout(10):
        while not (await door.tap(NEW_CARD)).ok:
            await asyncio.sleep(0.01)
    assert (await door.tap(NEW_CARD)).username == "ada"
