"""A card that somebody made theirs at one gateway: known at the others, and nobody else's."""

from __future__ import annotations

import time
from pathlib import Path

from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import AccountChanges
from control_plane.cards import service as cards
from control_plane.gateways import service as gateways
from control_plane.users.models import User
from shared.crypto import sealing
from shared.ids import CardId, PrinterId, UserId, new_id
from shared.messages.events import CardEnrolled
from shared.messages.records import AccountRecord, CardRecord, UnknownCards, account_stream
from shared.messages.records import card_context as context
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Box, Primary, a_gateway, until

NUMBER = "04FFEEDDCCBB80"
HASH = "ab" * 32


def let_enrol(primary: Primary) -> None:
    with primary.database.writing() as session:
        body = AccountChanges(unknown_cards=UnknownCards.ENROL)
        accounts.update(session, primary.town.alder.account.id, body, TESTER, vault=primary.vault)


def account_at(primary: Primary, box: Box) -> AccountRecord | None:
    account_id = primary.town.alder.account.id
    return box.replica.find(AccountRecord, account_stream(account_id), account_id)


def has_key(primary: Primary, box: Box) -> bool:
    record = account_at(primary, box)
    return record is not None and record.card_sealing_key is not None


async def enrol(primary: Primary, box: Box, user: User, number: str = NUMBER) -> CardEnrolled:
    """What a terminal does, without the terminal: the fact, and the card that works at once."""
    record, card_id = account_at(primary, box), CardId(new_id())
    assert record is not None
    assert record.card_sealing_key is not None
    account_id, stream = record.id, account_stream(record.id)
    sealed = sealing.seal(record.card_sealing_key, number.encode(), context(account_id, card_id))
    fact = CardEnrolled(
        card_id, account_id, UserId(user.id), sealed, HASH, number[-4:], CLOCK.now(),
        PrinterId(primary.town.alder.printer.id),
    )  # fmt: skip
    await box.store.submit(lambda tx: tx.enqueue(fact))
    lent = CardRecord(card_id, UserId(user.id), HASH, number[-4:])
    box.replica.lend(stream, lent, box.replica.generation(stream))
    return fact


def card_at(box: Box, fact: CardEnrolled) -> CardRecord | None:
    return box.replica.find(CardRecord, account_stream(fact.account_id), fact.card_id)


async def test_other_gateways_know_it_within_two_seconds(primary: Primary, tmp_path: Path) -> None:
    let_enrol(primary)
    town = primary.town
    one = primary.enrol(town.alder.gateway, tmp_path / "one")
    two = primary.enrol(primary.new_gateway("Alder two"), tmp_path / "two")
    async with (
        a_gateway(primary, tmp_path / "one", one) as here,
        a_gateway(primary, tmp_path / "two", two) as there,
    ):
        for box in (here, there):
            await box.connected()
            await until(lambda box=box: has_key(primary, box), "the account is known")  # type: ignore[misc]
        took = []
        for number in (NUMBER, f"{NUMBER[:-2]}81", f"{NUMBER[:-2]}82"):
            began = time.monotonic()
            fact = await enrol(primary, here, town.ada, number)
            await until(lambda fact=fact: card_at(there, fact), "the other one knows the card")  # type: ignore[misc]
            took.append(time.monotonic() - began)
    # The middle one: a machine that does other things for a moment is no slow link.
    assert sorted(took)[1] < 2, took
    with primary.database.reading() as session:
        card = cards.get_card(session, town.alder.account.id, fact.card_id)
        assert (card.user_id, card.last4) == (town.ada.id, "BB82")


async def test_enrolled_by_two_without_a_line_the_first_told_has_it_at_both(
    primary: Primary, tmp_path: Path
) -> None:
    let_enrol(primary)
    town = primary.town
    identities = [
        primary.enrol(town.alder.gateway, tmp_path / "one"),
        primary.enrol(primary.new_gateway("Alder two"), tmp_path / "two"),
    ]
    states = [tmp_path / "one", tmp_path / "two"]
    for identity, state in zip(identities, states, strict=True):
        async with a_gateway(primary, state, identity) as box:
            await box.connected()
            await until(lambda box=box: has_key(primary, box), "the account is known")  # type: ignore[misc]
    facts = []
    for identity, state, user in zip(identities, states, (town.ada, town.ben), strict=True):
        async with a_gateway(primary, state, identity, broker_port=1) as cut:
            facts.append(await enrol(primary, cut, user))
            assert card_at(cut, facts[-1]) is not None  # It works there, and there alone.
    # Ben's gateway is back first.
    async with a_gateway(primary, states[1], identities[1]) as box:
        await box.connected()
        await box.told()
    async with a_gateway(primary, states[0], identities[0]) as box:
        await box.connected()
        await box.told()
        await until(lambda: card_at(box, facts[0]) is None, "Ada's is taken back")
        await until(lambda: card_at(box, facts[1]), "Ben's is known")
    assert primary.count("card.enrolled") == 1
    refused = primary.audit("card.enrolment-refused")
    assert [row.detail["user_id"] for row in refused] == [town.ada.id]
    assert [row.detail["reason"] for row in refused] == ["card-taken"]
    with primary.database.reading() as session:
        gateway = gateways.get_by_id(session, identities[0].gateway_id)
        assert refused[0].actor_name == gateway.name
