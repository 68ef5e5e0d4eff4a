"""At the terminal: a card that nobody has asks for a sign-in, and is theirs from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.identity.shown import Screen
from shared.crypto import sealing
from shared.messages.records import UnknownCards
from tests.support.ippeveprinter import ippeveprinter
from tests.support.people import PASSWORD
from tests.support.site import Site, a_site

DOCUMENT = b"%PDF-1.4 a page"
CODE = "ABCD-2345"
NEW_CARD = "04FFEEDDCCBB80"
KEY = sealing.public_key(sealing.new_key())


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with ippeveprinter(tmp_path / "printer") as printer:
        async with a_site(tmp_path / "state", printer) as site:
            site.people.change_account(
                site.people.alder, unknown_cards=UnknownCards.ENROL, card_sealing_key=KEY
            )
            yield site


@pytest.fixture
async def paired(site: Site) -> Site:
    site.people.new_code(CODE)
    await site.screen.pair(CODE)
    return site


async def test_a_new_card_is_enrolled_and_prints_without_any_line(paired: Site) -> None:
    await paired.submit(DOCUMENT)
    await paired.chooser.tap(NEW_CARD)
    shown = await paired.screen.sees("enrol")
    assert shown["message"] == "This card is new here. Sign in once, and it is yours."
    status, answer = await paired.screen.post("sign-in", {"username": "ada", "password": PASSWORD})
    assert (status, answer["message"]) == (200, "Hello Ada. This card is yours now.")
    await paired.screen.sees("session", having=lambda s: len(s["jobs"]) == 1)
    (fact,) = await paired.facts("card.enrolled")
    assert fact["user_id"] == paired.people.alder.users["ada"].id
    assert NEW_CARD not in str(fact)
    # From now on it is a card like any other, also at a reader without a screen's help.
    await paired.reader.tap(NEW_CARD)
    await paired.screen.sees("printing")
    assert await paired.next_document() == DOCUMENT


async def test_a_wrong_password_enrols_nothing_and_the_card_still_waits(paired: Site) -> None:
    await paired.chooser.tap(NEW_CARD)
    await paired.screen.sees("enrol")
    status, _ = await paired.screen.post("sign-in", {"username": "ada", "password": "no"})
    assert status == 403
    assert await paired.facts("card.enrolled") == []
    status, _ = await paired.screen.post("sign-in", {"username": "ada", "password": PASSWORD})
    assert status == 200
    assert len(await paired.facts("card.enrolled")) == 1


async def test_who_goes_back_leaves_the_card_unknown(paired: Site) -> None:
    await paired.chooser.tap(NEW_CARD)
    await paired.screen.sees("enrol")
    await paired.screen.post("sign-out", {})
    await paired.screen.sees("idle")
    # A sign-in after that is a sign-in, and no more.
    await paired.screen.post("sign-in", {"username": "ada", "password": PASSWORD})
    await paired.screen.sees("session")
    assert await paired.facts("card.enrolled") == []


async def test_at_a_reader_without_a_screen_the_card_is_refused_in_words(site: Site) -> None:
    await site.chooser.tap(NEW_CARD)
    station = site.stations.at(site.people.alder.id, site.people.printer_id)
    async with asyncio.timeout(10):
        while station.shown.screen is not Screen.REFUSED:
            await asyncio.sleep(0.01)
    assert "not known here" in station.shown.message
    assert await site.facts("card.enrolled") == []
    assert len(await site.audited("card.unknown")) == 1


async def test_an_account_that_refuses_unknown_cards_shows_no_way_in(paired: Site) -> None:
    paired.people.change_account(paired.people.alder, unknown_cards=UnknownCards.REFUSE)
    await paired.chooser.tap(NEW_CARD)
    shown = await paired.screen.sees("refused")
    assert "not known here" in shown["message"]
    assert await paired.facts("card.enrolled") == []
