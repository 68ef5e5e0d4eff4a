"""The story of the house, told by one gateway that nobody upstream can help."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from shared.cards import canonical, card_hash
from shared.ids import CardId, new_id
from shared.messages.records import CardRecord
from tests.support.ippeveprinter import ippeveprinter
from tests.support.people import ADAS_CARD, BENS_CARD, CARD_KEY, CLEOS_CARD
from tests.support.screen import State
from tests.support.site import Site, a_site

DOCUMENT = b"%PDF-1.4\n" + b"% a report\n" * 20_000 + b"%%EOF\n"


@pytest.fixture(params=["plain", "encoded"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    with ippeveprinter(tmp_path / "printer") as printer:
        encode = request.param == "encoded"
        async with a_site(tmp_path / "state", printer, encode_calls=encode) as site:
            yield site


async def test_a_held_job_prints_when_its_owner_taps_a_card(site: Site) -> None:
    await site.submit(DOCUMENT, user="ada")
    await site.reader.tap(BENS_CARD)
    await site.reader.tap(ADAS_CARD)
    assert await site.next_document() == DOCUMENT
    assert len(site.printer.documents()) == 1


async def test_a_person_chooses_at_the_terminal(site: Site) -> None:
    site.people.new_code("ABCD-2345")
    await site.screen.pair("ABCD-2345")
    await site.submit(b"%PDF-1 one", title="one.pdf")
    await site.submit(b"%PDF-1 two", title="two.pdf")
    await site.chooser.tap(ADAS_CARD)
    shown = await site.screen.sees("session", having=lambda state: len(state["jobs"]) == 2)
    assert shown["person"] == {"display_name": "Ada"}
    assert [job["title"] for job in shown["jobs"]] == ["one.pdf", "two.pdf"]
    wanted = next(job["id"] for job in shown["jobs"] if job["title"] == "two.pdf")
    status, answer = await site.screen.post("release", {"job_ids": [wanted]})
    assert (status, answer["released"]) == (200, [wanted])
    assert await site.next_document() == b"%PDF-1 two"
    await site.screen.sees("printing")


async def test_an_unknown_card_is_told_in_words_and_audited(site: Site) -> None:
    site.people.new_code("ABCD-2345")
    await site.screen.pair("ABCD-2345")
    await site.submit(DOCUMENT)
    await site.reader.tap("DEADBEEF99")
    shown = await site.screen.sees("refused")
    assert "not known" in shown["message"]
    (row,) = await site.audited("card.unknown")
    assert row["detail"]["last4"] == "EF99"
    assert "DEADBEEF99" not in str(row)
    await site.reader.tap(ADAS_CARD)
    assert await site.next_document() == DOCUMENT
    assert len(await site.audited("card.tapped")) == 1


async def test_from_tap_to_first_byte(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for turn in range(5):
        await site.submit(DOCUMENT + bytes([turn]))
        await site.counted()
        # Ben's empty taps between keep Ada's from being taken for one that lies there.
        await site.reader.tap(BENS_CARD)
        await site.reader.tap(ADAS_CARD)
        await site.next_document()
    facts = await site.facts("job.changed")
    spans = [fact["first_byte_ms"] for fact in facts if fact.get("first_byte_ms") is not None]
    assert len(spans) == 5
    with capsys.disabled():
        print(f"\nfrom the tap to the first byte: {spans} ms, median {statistics.median(spans)}")


async def test_from_tap_to_name(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.people.new_code("ABCD-2345")
    await site.screen.pair("ABCD-2345")
    await site.chooser.tap("")  # the reader is switched on
    spans = []
    for turn in range(20):
        card, name = ((ADAS_CARD, "Ada"), (BENS_CARD, "Ben"))[turn % 2]
        began = time.perf_counter()
        await site.chooser.tap(card)
        await site.screen.sees("session", having=partial(greets, name))
        spans.append(round((time.perf_counter() - began) * 1000))
        await asyncio.sleep(0.2)  # hands need their time
    assert len(spans) == 20
    with capsys.disabled():
        print(f"\nfrom the tap to the name: median {statistics.median(spans)} ms of {spans}")


def greets(name: str, state: State) -> bool:
    return bool(state["person"]["display_name"] == name)


async def test_printer_switched_off_says_so_and_prints_later(site: Site) -> None:
    site.people.new_code("ABCD-2345")
    await site.screen.pair("ABCD-2345")
    await site.submit(DOCUMENT)
    site.printer.stop()
    await site.reader.tap(ADAS_CARD)
    shown = await site.screen.sees(
        "printing", having=lambda state: state["printer"]["status"] == "unreachable"
    )
    assert shown["printer"]["says"]
    site.printer.start()
    assert await site.next_document() == DOCUMENT


async def test_a_new_card_works_and_a_revoked_one_is_refused_at_once(site: Site) -> None:
    alder, ben = site.people.alder, site.people.alder.users["ben"]
    card = canonical("AA55AA55")
    record = CardRecord(CardId(new_id()), ben.id, card_hash(CARD_KEY, card), card.last4)
    site.people.feed.put(alder.stream, record)
    await site.submit(DOCUMENT, user="ben")
    await site.reader.tap("AA55AA55")
    assert await site.next_document() == DOCUMENT
    await site.submit(DOCUMENT, user="ben")
    site.people.feed.remove(alder.stream, CardRecord, record.id)
    await site.chooser.tap("AA55AA55")
    async with asyncio.timeout(5):
        while not await site.audited("card.unknown"):
            await asyncio.sleep(0.02)
    assert len(site.printer.documents()) == 1
    assert site.query("SELECT count(*) FROM jobs WHERE state = 4") == [(1,)]


async def test_a_card_of_another_account_moves_nothing_here(site: Site) -> None:
    await site.submit(DOCUMENT, user="ada")
    await site.reader.tap(CLEOS_CARD)
    async with asyncio.timeout(5):
        while not await site.audited("card.unknown"):
            await asyncio.sleep(0.02)
    assert site.printer.documents() == []
    await site.reader.tap(ADAS_CARD)
    assert await site.next_document() == DOCUMENT


async def test_what_is_no_longer_served_is_gone_to_the_last_row(site: Site) -> None:
    site.people.new_code("ABCD-2345")
    await site.screen.pair("ABCD-2345")
    await site.submit(DOCUMENT)
    await site.agent.forget_account(site.people.alder.id)
    assert site.query("SELECT count(*) FROM jobs") == [(0,)]
    assert site.query("SELECT count(*) FROM terminals") == [(0,)]
    assert (await site.screen.get("/terminal/events"))[0] == 401
    (fact,) = await site.facts("account.forgotten")
    assert fact["documents"] == 1
