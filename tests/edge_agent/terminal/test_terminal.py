"""The terminal's HTTP: its own page, paired, may do what a person there may; others nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.ids import PrinterId, TerminalId, new_id
from shared.messages.records import PrinterRecord, TerminalRecord
from tests.support.ippeveprinter import ippeveprinter
from tests.support.people import ADAS_CARD, BENS_CARD, PASSWORD, PIN
from tests.support.screen import a_screen
from tests.support.site import Site, a_site

DOCUMENT = b"%PDF-1.4 a page"
CODE = "ABCD-2345"
ONE_TAP_SECONDS = 2.0  # a card that lies on the reader is one tap; after this it is another


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with ippeveprinter(tmp_path / "printer") as printer:
        async with a_site(tmp_path / "state", printer) as site:
            yield site


@pytest.fixture
async def paired(site: Site) -> Site:
    site.people.new_code(CODE)
    await site.screen.pair(CODE)
    return site


def fingerprint(site: Site) -> str:
    """What the gateway's jobs, terminals and facts are, in one word."""
    rows = [
        site.query(f"SELECT * FROM {table}")  # noqa: S608
        for table in ("jobs", "documents", "terminals")
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


async def test_a_code_pairs_once(site: Site) -> None:
    site.people.new_code(CODE)
    await site.screen.pair("abcd 2345")
    async with a_screen(site.screen.base) as second:
        status, answer = await second.post("pair", {"code": CODE, "name": "Thief"})
    assert status == 403
    assert "used up" in answer["message"]
    (fact,) = await site.facts("terminal.paired")
    assert fact["printer_id"] == site.people.printer_id
    assert len(await site.audited("terminal.paired")) == 1
    assert len(await site.audited("terminal.refused")) == 1


async def test_an_old_code_pairs_nothing(site: Site) -> None:
    site.people.new_code(CODE, expires_in=-1)
    status, _ = await site.screen.post("pair", {"code": CODE, "name": "Late"})
    assert status == 403


async def test_a_refusal_speaks_the_screens_language(site: Site) -> None:
    german = {"Accept-Language": "de-AT,de;q=0.9"}
    _, answer = await site.screen.post("pair", {"code": "X", "name": "x"}, **german)
    assert "Dieser Code" in answer["message"]


async def test_guessing_codes_is_cut_short(site: Site) -> None:
    statuses = [
        (await site.screen.post("pair", {"code": f"GUES-{n:04}", "name": "x"}))[0]
        for n in range(20)
    ]
    assert statuses.count(403) == 5
    assert statuses.count(429) == 15


async def test_the_token_is_kept_as_its_hash_and_not_for_scripts(paired: Site) -> None:
    (cookie,) = list(paired.screen.http.cookie_jar)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    token = cookie.value.partition(".")[2]
    assert token not in str(paired.query("SELECT * FROM terminals"))


async def test_unpaired_it_shows_a_page_and_no_data_and_the_attempt_is_audited(site: Site) -> None:
    await site.submit(DOCUMENT)
    status, page = await site.screen.get("/terminal/")
    assert status == 200
    assert "Alder" not in page
    status, text = await site.screen.get("/terminal/events")
    assert (status, text) == (401, '{"state": "unpaired"}')
    for path, body in (
        ("release", {"job_ids": []}),
        ("delete", {"job_id": ""}),
        ("sign-in", {"username": "ada", "password": PASSWORD}),
        ("sign-out", {}),
        ("pin", {"pin": PIN}),
    ):
        status, answer = await site.screen.post(path, body)
        assert status == 401, path
        assert "not paired" in answer["message"]
    assert len(await site.audited("terminal.refused")) == 6


async def test_sign_in_by_name_choose_delete_and_sign_out(paired: Site) -> None:
    await paired.submit(DOCUMENT, title="keep.pdf")
    await paired.submit(DOCUMENT, title="delete.pdf")
    status, answer = await paired.screen.post("sign-in", {"username": "ada", "password": "wrong"})
    assert status == 403
    assert "not right" in answer["message"]
    await paired.screen.post("sign-in", {"username": "Ada", "password": PASSWORD})
    shown = await paired.screen.sees("session")
    assert 40 < shown["signs_out_in"] <= 45
    unwanted = next(job["id"] for job in shown["jobs"] if job["title"] == "delete.pdf")
    assert (await paired.screen.post("delete", {"job_id": unwanted}))[0] == 200
    shown = await paired.screen.sees("session", having=lambda state: len(state["jobs"]) == 1)
    assert shown["jobs"][0]["title"] == "keep.pdf"
    await paired.screen.post("sign-out", {})
    await paired.screen.sees("idle")
    status, _ = await paired.screen.post("release", {"job_ids": [unwanted]})
    assert status == 409


async def test_nobody_releases_or_deletes_what_is_not_theirs(paired: Site) -> None:
    await paired.submit(DOCUMENT, user="ada")
    adas = paired.query("SELECT id FROM jobs")[0][0]
    await paired.screen.post("sign-in", {"username": "ben", "password": PASSWORD})
    shown = await paired.screen.sees("session")
    assert shown["jobs"] == []
    assert (await paired.screen.post("delete", {"job_id": adas}))[0] == 409
    status, answer = await paired.screen.post("release", {"job_ids": [adas]})
    assert (status, answer["released"]) == (200, [])
    assert paired.query("SELECT state FROM jobs") == [(4,)]
    await paired.reader.tap(ADAS_CARD)
    assert await paired.next_document() == DOCUMENT


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"X-Terminal": "0"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_other_pages_cannot_send_for_it(paired: Site, headers: dict[str, str]) -> None:
    await paired.submit(DOCUMENT)
    await paired.chooser.tap(ADAS_CARD)
    shown = await paired.screen.sees("session")
    job_ids = [job["id"] for job in shown["jobs"]]
    status, _ = await paired.screen.post("release", {"job_ids": job_ids}, **headers)
    assert status == 403
    origin = {"Origin": paired.screen.base}
    status, answer = await paired.screen.post("release", {"job_ids": job_ids}, **origin)
    assert (status, answer["released"]) == (200, job_ids)


async def test_it_answers_to_its_own_names_only(paired: Site) -> None:
    for path in ("/terminal/", "/terminal/events", "/terminal/static/terminal.js"):
        status, _ = await paired.screen.get(path, Host="evil.example")
        assert status == 421
    assert (await paired.screen.get("/terminal/", Host="localhost"))[0] == 200


async def test_looking_changes_nothing(paired: Site) -> None:
    await paired.submit(DOCUMENT)
    await paired.chooser.tap(ADAS_CARD)
    await paired.screen.sees("session")
    before = fingerprint(paired)
    for path in (
        "release",
        "delete",
        "sign-out",
        "sign-in",
        "pair",
        "pin",
        "",
        "static/terminal.css",
    ):
        await paired.screen.get(f"/terminal/{path}")
    assert fingerprint(paired) == before
    assert paired.screen.states[-1]["state"] == "session"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("release", {"job_ids": []}),
        ("release", {"job_ids": ["../../etc"]}),
        ("release", {"job_ids": "all"}),
        ("release", ["x"]),
        ("delete", {"job_id": 7}),
        ("sign-in", {"username": "ada"}),
        ("sign-in", {"username": "a" * 5000, "password": "x"}),
        ("pin", {"pin": "1" * 100}),
        ("pin", {"pin": "\ud800"}),
        ("pair", {"code": "\ud800", "name": "x"}),
        ("sign-in", {"username": "\ud800", "password": "x"}),
    ],
)
async def test_what_cannot_be_read_is_refused(paired: Site, path: str, body: object) -> None:
    status, answer = await paired.screen.post(path, body)
    assert status == 400
    assert answer["message"]


@pytest.mark.parametrize("cookie", [b"\xff\xfe.x", b"a.b", b".", b"x" * 5000, b"\xc3\xa4.\xc3\xa4"])
async def test_strange_cookies_are_nobodys(site: Site, cookie: bytes) -> None:
    for path in (b"/terminal", b"/terminal/events"):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port("terminal-client"))
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")
        writer.write(b"Cookie: spoolhouse_terminal=" + cookie + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        status = int(answer.split(b" ")[1])
        assert status == (401 if path.endswith(b"events") else 200)
        assert b"Set-Cookie" not in answer


async def test_every_answer_has_the_headers_that_keep_scripts_out(paired: Site) -> None:
    for path in ("/terminal/", "/terminal/static/terminal.js", "/terminal/nothing"):
        async with paired.screen.http.get(paired.screen.base + path) as answer:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_terminal_that_the_primary_deletes_is_revoked(paired: Site) -> None:
    people = paired.people
    terminal_id = TerminalId(paired.query("SELECT id FROM terminals")[0][0])
    record = TerminalRecord(terminal_id, "Reception", people.printer_id)
    people.feed.put(people.alder.stream, record)
    async with asyncio.timeout(5):
        while paired.query("SELECT seen FROM terminals") != [(1,)]:
            await asyncio.sleep(0.01)
    people.feed.remove(people.alder.stream, TerminalRecord, terminal_id)
    await paired.screen.sees("unpaired")
    assert (await paired.screen.get("/terminal/events"))[0] == 401


async def test_a_terminal_that_the_primary_moves_shows_its_new_printer(paired: Site) -> None:
    people = paired.people
    terminal_id = TerminalId(paired.query("SELECT id FROM terminals")[0][0])
    other = PrinterRecord(PrinterId(new_id()), "Second floor", "ipp://127.0.0.1:1/ipp/print")
    people.feed.put(people.alder.stream, other, TerminalRecord(terminal_id, "Reception", other.id))
    await paired.chooser.tap(ADAS_CARD)
    async with asyncio.timeout(5):
        async with paired.screen.http.get(f"{paired.screen.base}/terminal/events") as events:
            line = await events.content.readline()
    shown = json.loads(line[5:])
    assert (shown["state"], shown["printer"]["name"]) == ("idle", "Second floor")


async def test_a_terminal_the_primary_has_not_heard_of_yet_stays_paired(paired: Site) -> None:
    paired.people.change_account(paired.people.alder, name="Alder Limited")
    await asyncio.sleep(0.1)
    assert (await paired.screen.get("/terminal/static/terminal.js"))[0] == 200
    assert (await paired.screen.post("sign-out", {}))[0] == 200


async def test_the_same_card_again_signs_out_and_another_card_changes_the_person(
    paired: Site,
) -> None:
    await paired.chooser.tap(ADAS_CARD)
    await paired.screen.sees("session", having=lambda s: s["person"]["display_name"] == "Ada")
    await paired.chooser.tap(BENS_CARD)
    await paired.screen.sees("session", having=lambda s: s["person"]["display_name"] == "Ben")
    paired.clock.skip(ONE_TAP_SECONDS)
    await paired.chooser.tap(BENS_CARD)
    shown = await paired.screen.sees("idle")
    assert shown["person"] is None
    assert shown["jobs"] == []


async def test_a_second_tap_prints_nothing_twice_neither_while_it_prints_nor_afterwards(
    paired: Site,
) -> None:
    await paired.submit(DOCUMENT)
    paired.printer.freeze()
    await paired.reader.tap(ADAS_CARD)
    await paired.screen.sees("printing")
    paired.clock.skip(ONE_TAP_SECONDS)
    await paired.reader.tap(ADAS_CARD)
    on_its_way = ("It is on its way to the printer.", "It is being printed.")
    await paired.screen.sees("printing", having=lambda s: s["message"] in on_its_way)
    assert paired.printer.documents() == []
    paired.printer.thaw()
    assert await paired.next_document() == DOCUMENT
    paired.clock.skip(ONE_TAP_SECONDS)
    await paired.reader.tap(ADAS_CARD)
    await paired.screen.sees("printing", having=lambda s: "Nothing is waiting" in s["message"])
    await paired.settled()
    assert paired.printer.documents() == [DOCUMENT]


async def test_a_card_that_needs_a_pin_prints_only_with_it(paired: Site) -> None:
    paired.people.change_account(paired.people.alder, card_needs_pin=True)
    await paired.submit(DOCUMENT)
    await paired.reader.tap(ADAS_CARD)
    await paired.screen.sees("pin")
    await paired.screen.post("pin", {"pin": "000000"})
    await paired.screen.sees("refused")
    assert paired.printer.documents() == []
    await paired.chooser.tap(ADAS_CARD)
    await paired.screen.sees("pin")
    await paired.screen.post("pin", {"pin": PIN})
    await paired.screen.sees("session")


async def test_pairing_survives_a_new_start(tmp_path: Path) -> None:
    with ippeveprinter(tmp_path / "printer") as printer:
        async with a_site(tmp_path / "state", printer) as site:
            site.people.new_code(CODE)
            await site.screen.pair(CODE)
            pairings = site.agent.parts.pairings
            (cookie,) = list(site.screen.http.cookie_jar)
            await pairings.load()
            assert pairings.find(cookie.value) is not None
            assert pairings.find(cookie.value[:-1] + "x") is None
