"""The story of the house, told by one gateway that nobody upstream can help."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.ippeveprinter import EvePrinter, ippeveprinter
from tests.support.people import ADAS_CARD, BENS_CARD
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


async def test_printer_switched_off_says_so_and_prints_later(site: Site) -> None:
    await site.submit(DOCUMENT)
    site.printer.stop()
    await site.reader.tap(ADAS_CARD)
    site.printer.start()
    assert await site.next_document() == DOCUMENT


def test_the_printer_is_one_that_nobody_here_wrote() -> None:
    assert EvePrinter.__module__ == "tests.support.ippeveprinter"
