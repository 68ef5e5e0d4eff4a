from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from control_plane.printers import service as printers
from control_plane.printers.schemas import PrinterChanges
from shared.ids import JobId
from tests.support.browser import DESK, PHONE, Trouble, axe_findings, watched_page
from tests.support.day import live_a_day, send_titles
from tests.support.houses import PASSWORD, TESTER
from tests.support.payloads import SCRIPTING
from tests.support.primary_site import Site, primary_site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    state: Path = tmp_path_factory.mktemp("primary")
    with primary_site(state) as running:
        yield running


@pytest.fixture(scope="module")
def held(site: Site) -> JobId:
    return live_a_day(site)


@pytest.fixture
def ada(browser: Browser, site: Site, held: JobId) -> Iterator[tuple[Page, Trouble]]:
    options = {"viewport": DESK, "ignore_https_errors": True, "locale": "en-GB"}
    with watched_page(browser, **options) as (page, trouble):
        sign_in(page, site, "alder", "ada")
        yield page, trouble
        assert trouble.found() == []


def sign_in(page: Page, site: Site, house: str, username: str) -> None:
    page.goto(site.url(house))
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD)
    page.locator("form button").click()
    expect(page.locator("#main h1")).to_be_visible()


def test_the_first_line_of_now_tells_the_truth(ada: tuple[Page, Trouble]) -> None:
    page, _ = ada
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile("2 of 3 sites are printing. 5 things need a person.")
    )
    expect(page.locator(".trouble")).to_have_count(5)
    expect(
        page.get_by_text("Gateway Warehouse-1 has not been heard for 26 minutes")
    ).to_be_visible()
    expect(
        page.get_by_role("row", name=re.compile("Warehouse.*is cut: prints for"))
    ).to_be_visible()


def test_now_follows_what_happens_and_says_as_of_when(
    ada: tuple[Page, Trouble], site: Site
) -> None:
    page, _ = ada
    before = page.locator("#asof").inner_text()
    send_titles(site, ["Fresh from the press.pdf"])
    expect(page.get_by_text("Ada sent “Fresh from the press.pdf”")).to_be_visible(timeout=8000)
    assert page.locator("#asof").inner_text() != before


def test_a_page_that_cannot_reach_us_says_so_instead_of_looking_current(
    ada: tuple[Page, Trouble],
) -> None:
    page, _ = ada
    page.context.set_offline(True)
    expect(page.get_by_text("not reached since; what you see may be old")).to_be_visible(
        timeout=8000
    )
    page.context.set_offline(False)
    expect(page.locator("#asof-lost")).to_be_hidden(timeout=8000)


def test_the_job_page_answers_why_it_did_not_print(
    ada: tuple[Page, Trouble], site: Site, held: JobId
) -> None:
    page, _ = ada
    page.goto(site.url("alder", f"/jobs/{held}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Quarter report.pdf")
    expect(page.locator(".note")).to_contain_text("Reception 2 is out of paper in tray 1.")
    titles = page.locator(".way li b").all_inner_texts()
    assert titles == ["Received", "On disk, sealed", "Held", "Counted", "Release refused"]
    expect(page.locator(".way .next")).to_contain_text("Released · Sending · Printed · Accounted")


def test_lists_keep_their_filter_in_the_address_and_export_what_they_show(
    ada: tuple[Page, Trouble], site: Site
) -> None:
    page, _ = ada
    page.goto(site.url("alder", "/jobs"))
    page.get_by_label("State", exact=True).select_option("uncertain")
    page.wait_for_url("**/jobs?*state=uncertain*")
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Poster A2.pdf,Ada,Follow me,Outcome unknown,1,")


def test_the_slash_key_finds_a_person_by_their_card(ada: tuple[Page, Trouble]) -> None:
    page, _ = ada
    page.wait_for_load_state("load")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("E680")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Card ending E680").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ben")


def test_an_administrator_adds_a_printer_a_queue_a_person_and_a_card(
    ada: tuple[Page, Trouble], site: Site
) -> None:
    page, _ = ada
    page.goto(site.url("alder", "/printers/new"))
    page.get_by_label("Name").fill("Plotter room")
    page.get_by_label("Address").fill("http://192.0.2.9/")
    page.get_by_role("button", name="Add the printer").click()
    expect(page.locator(".invalid-feedback")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Plotter room")
    page.get_by_label("Address").fill("ipp://192.0.2.9/ipp/print")
    page.get_by_role("button", name="Add the printer").click()
    expect(page.get_by_role("link", name="Plotter room", exact=True)).to_be_visible()
    page.goto(site.url("alder", "/queues/new"))
    page.get_by_label("Name", exact=True).fill("Plots")
    page.get_by_label("Short name").fill("plots")
    page.get_by_role("button", name="Add the queue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Plots")
    page.goto(site.url("alder", "/users/new"))
    page.get_by_label("User name").fill("dora")
    page.get_by_role("button", name="Add the person").click()
    page.get_by_label("Card number").fill("0011AA223344")
    page.get_by_role("button", name="Add the card").click()
    expect(page.get_by_text("Card ending 3344", exact=True)).to_be_visible()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("it is refused everywhere that heard of it")).to_be_visible()


def test_a_gateway_is_enrolled_by_one_command_that_the_page_shows(
    ada: tuple[Page, Trouble], site: Site
) -> None:
    page, _ = ada
    page.goto(site.url("alder", "/sites"))
    page.get_by_label("Gateway name").fill("HQ-2")
    page.get_by_role("button", name="Add and make its code").click()
    page.get_by_role("button", name="Make an enrolment code").click()
    command = page.locator("#enrol-command")
    expect(command).to_have_text(
        re.compile(r"spoolhouse-agent enrol --state \S+ --code SH1-[A-Z2-7]+")
    )


def test_a_terminal_gets_a_code_that_is_shown_once(ada: tuple[Page, Trouble], site: Site) -> None:
    page, _ = ada
    page.goto(site.url("alder", f"/printers/{site.town.alder.printer.id}"))
    page.get_by_role("button", name="Pair a terminal").click()
    expect(page.locator("#code")).to_have_text(re.compile(r"^[A-Z2-9]{4}(-[A-Z2-9]{1,4})+$"))


def test_hostile_names_are_only_text_on_every_page(
    ada: tuple[Page, Trouble], site: Site, held: JobId
) -> None:
    page, trouble = ada
    send_titles(site, SCRIPTING)
    with site.parts.database.writing() as session:
        printers.update(
            session,
            site.town.alder.account.id,
            site.town.alder.printer.id,
            PrinterChanges(name=SCRIPTING[0], location=SCRIPTING[2]),
            TESTER,
        )
    for path in ("/", "/jobs", "/printers", "/find?q=%3C", "/audit", "/my", f"/jobs/{held}"):
        page.goto(site.url("alder", path))
        page.wait_for_timeout(100)
        assert page.locator("main script, main iframe, main base").count() == 0, path
        assert trouble.found() == [], path
    page.goto(site.url("alder", "/jobs"))
    shown = page.locator("td.name").all_inner_texts()
    assert {" ".join(text.split()) for text in SCRIPTING} <= {" ".join(t.split()) for t in shown}


def test_a_person_on_a_phone_sees_and_deletes_their_own_jobs_alone(
    browser: Browser, site: Site, held: JobId
) -> None:
    options = {"viewport": PHONE, "ignore_https_errors": True, "locale": "de-DE"}
    with watched_page(browser, **options) as (page, _):
        page.goto(site.url("alder"))
        page.get_by_label("Benutzername").fill("ben")
        page.get_by_label("Passwort").fill(PASSWORD)
        page.get_by_role("button", name="Anmelden").click()
        page.wait_for_url("**/my")
        assert "Quarter report" not in page.content()
        answer = page.goto(site.url("alder", f"/jobs/{held}"))
        assert answer is not None
        assert answer.status == 403


def test_a_vendor_makes_an_account(browser: Browser, site: Site, held: JobId) -> None:
    options = {"viewport": DESK, "ignore_https_errors": True, "locale": "en-GB"}
    with watched_page(browser, **options) as (page, _):
        sign_in(page, site, "vic", "vic")
        page.get_by_role("link", name="Add an account").click()
        page.get_by_label("Name", exact=True).fill("Dogwood")
        page.get_by_label("Short name").fill("dogwood")
        page.get_by_role("button", name="Add the account").click()
        page.get_by_role("link", name="To your accounts").click()
        expect(page.get_by_role("row", name=re.compile("Dogwood.*trial"))).to_be_visible()
        assert axe_findings(page) == []
