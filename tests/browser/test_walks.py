"""Four walks that must simply work, in a real browser: each page on the way is accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import DESK, PHONE, Trouble, axe_findings, watched_page
from tests.support.houses import PASSWORD
from tests.support.office import Office, an_office
from tests.support.primary_site import Site, primary_site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HOST = "alder.localhost"
ENGLISH: dict[str, Any] = {"viewport": DESK, "ignore_https_errors": True, "locale": "en-GB"}


class Walk:
    """One page after the other; each is looked at by axe and must keep to its policy."""

    def __init__(self, page: Page, trouble: Trouble) -> None:
        self.page = page
        self.trouble = trouble

    def look(self) -> None:
        """Look at the page that is shown now."""
        where = self.page.url
        assert axe_findings(self.page) == [], where
        assert self.trouble.found() == [], where
        size = self.page.viewport_size
        assert size is not None
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], where

    def go(self, url: str) -> None:
        self.page.goto(url)
        self.look()

    def fill(self, **fields: str) -> None:
        """Fill fields by their names, choosing from lists by what they show."""
        for name, text in fields.items():
            element = self.page.locator(f"#f-{name}")
            if element.evaluate("it => it.localName") == "select":
                element.select_option(text)
            else:
                element.fill(text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def says(self, text: str | re.Pattern[str], seconds: float = 10) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=seconds * 1000)

    def sign_in(self, url: str, username: str, password: str) -> None:
        self.go(url)
        self.page.locator("#username").fill(username)
        self.page.locator("#password").fill(password)
        self.page.locator("form button").click()
        expect(self.page.locator("#main h1")).to_be_visible()
        self.look()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with primary_site(tmp_path_factory.mktemp("primary")) as running:
        yield running


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as running:
        yield running


def test_from_the_first_run_to_the_first_printed_job(browser: Browser, office: Office) -> None:
    with watched_page(browser, **ENGLISH) as found:
        walk = Walk(*found)
        page = walk.page
        walk.go(office.setup_url)
        walk.fill(
            company="Alder Ltd",
            short_name="alder",
            host=HOST,
            username="ada",
            password=PASSWORD,
        )
        walk.press("Begin")
        walk.says("Everything is ready.")
        walk.look()
        page.get_by_role("link", name="Sign in").click()
        page.wait_for_url(office.url(HOST, "/sign-in"))
        walk.sign_in(office.url(HOST), "ada", PASSWORD)

        walk.go(office.url(HOST, "/sites"))
        walk.fill(name="Head office")
        walk.press("Add the site")
        walk.says("The site Head office was added")
        walk.fill(gateway_name="HQ-1", site_id="Head office")
        walk.press("Add and make its code")
        walk.says("The gateway HQ-1 was added")
        office.choose_ports("HQ-1", "alder")
        walk.press("Make an enrolment code")
        command = page.locator("#enrol-command").inner_text()
        walk.look()
        office.start_gateway(command)
        # The page changes by itself when the gateway calls.
        walk.says(re.compile("heard|here", re.IGNORECASE), 30)

        walk.go(office.url(HOST, "/printers/new"))
        walk.fill(name="Reception 1", uri=office.printer.uri, site_id="Head office")
        walk.press("Add the printer")
        walk.look()
        walk.go(office.url(HOST, "/queues/new"))
        walk.fill(name="Front desk", path="front", type="direct", printer_id="Reception 1")
        walk.press("Add the queue")
        walk.look()
        uri = page.locator("#address-1").inner_text()
        document = office.send(uri, "First page", user="ada", password=PASSWORD)
        assert office.paper(1) == document

        walk.go(office.url(HOST, "/jobs"))
        expect(page.get_by_role("row", name=re.compile("First page.*Printed"))).to_be_visible()
        page.get_by_role("link", name="First page").click()
        expect(page.locator(".way")).to_contain_text("Printed")
        walk.look()


FURNISHED = (
    "vendor create --name Vic --domain vic.localhost",
    f"account create --vendor Vic --name Alder --short-name alder --domain {HOST}",
    "site add --account alder --name 'Head office'",
    "gateway add --account alder --name HQ-1 --site 'Head office'",
    "queue add --account alder --name 'Follow me' --path pull --type pull",
)


def test_a_person_releases_their_job_from_a_phone(browser: Browser, office: Office) -> None:
    office.batch(
        *FURNISHED,
        f"user add --account alder --username ben --language de --password '{PASSWORD}'",
        f"printer add --account alder --name Hall --site 'Head office' --uri {office.printer.uri}",
    )
    office.choose_ports("HQ-1", "alder")
    code = office.run("gateway", "code", "--account", "alder", "--gateway", "HQ-1")["code"]
    office.start_gateway(f"spoolhouse-agent enrol --code {code}")
    uri = f"ipp://127.0.0.1:{office.ports['ipp']}/ipp/print/pull"
    documents = [
        office.send(uri, title, user="ben", password=PASSWORD) for title in ("Letter", "Private")
    ]
    phone = {"viewport": PHONE, "ignore_https_errors": True, "locale": "de-DE", "has_touch": True}
    with watched_page(browser, **phone) as found:
        walk = Walk(*found)
        page = walk.page
        walk.sign_in(office.url(HOST), "ben", PASSWORD)
        page.wait_for_url("**/my")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "2 Aufträge warten auf Sie.", timeout=20_000
        )
        walk.look()
        button = page.get_by_role("button", name="Drucken Letter")
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44  # A thumb's size.
        button.tap()
        assert office.paper(1) == documents[0]
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "1 Auftrag wartet auf Sie.", timeout=20_000
        )
        page.get_by_role("button", name="Löschen Private").tap()
        walk.press("Löschen")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Für Sie wartet nichts.", timeout=20_000
        )
        walk.look()
    assert office.printer.documents() == [documents[0]]


def test_a_vendor_makes_an_account_with_its_address_and_its_owner_comes_in(
    browser: Browser, site: Site
) -> None:
    with watched_page(browser, **ENGLISH) as found:
        walk = Walk(*found)
        page = walk.page
        walk.sign_in(site.url("vic"), "vic", PASSWORD)
        page.get_by_role("link", name="Add an account").click()
        page.wait_for_url("**/accounts/new")
        walk.look()
        walk.fill(name="Dogwood", short_name="dogwood", owner="dora")
        walk.press("Add the account")
        walk.says("The owner needs an address to sign in at.")
        walk.look()
        walk.fill(domain="dogwood.vic.localhost")
        walk.press("Add the account")
        walk.says("Dogwood is ready.")
        walk.says("verified: it is below a name of yours")
        walk.look()
        link = page.locator("#owner-link").inner_text()
        page.get_by_role("link", name="To your accounts").click()
        expect(page.get_by_role("row", name=re.compile("Dogwood.*trial"))).to_be_visible()
        walk.look()
    with watched_page(browser, **ENGLISH) as found:
        walk = Walk(*found)
        walk.go(link)
        walk.fill(password="dora's own secret")
        walk.press("Set the password")
        walk.page.wait_for_url("**/sign-in")
        walk.sign_in(site.url("dogwood.vic"), "dora", "dora's own secret")
        expect(walk.page.locator(".side")).to_contain_text("Dogwood")
        walk.go(site.url("dogwood.vic", "/users"))
        expect(walk.page.get_by_role("row", name=re.compile("dora.*Owner"))).to_be_visible()


def test_an_administrator_adds_a_printer_and_a_queue_imports_500_people_and_adds_a_card(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    lines = [f"p{n:03};Person {n:03};p{n}@example.org" for n in range(500)]
    file.write_text("\n".join(["username;display_name;email", *lines, "p007;Twice;"]))
    with watched_page(browser, **ENGLISH) as found:
        walk = Walk(*found)
        page = walk.page
        walk.sign_in(site.url("alder"), "ada", PASSWORD)
        walk.go(site.url("alder", "/printers/new"))
        walk.fill(name="Plotter room", uri="ipp://192.0.2.9/ipp/print")
        walk.press("Add the printer")
        expect(page.get_by_role("link", name="Plotter room", exact=True)).to_be_visible()
        walk.look()
        walk.go(site.url("alder", "/queues/new"))
        walk.fill(name="Plots", path="plots")
        walk.press("Add the queue")
        expect(page.get_by_role("heading", level=1)).to_have_text("Plots")
        walk.look()

        walk.go(site.url("alder", "/users"))
        page.get_by_role("link", name="Import people").click()
        page.wait_for_url("**/users/import")
        walk.look()
        page.get_by_label("CSV file").set_input_files(file)
        walk.press("Check the file")
        page.wait_for_selector("#import")
        page.wait_for_load_state()
        walk.look()
        walk.says("500 people would be added or changed.", 120)
        walk.says("The same as in line 9.")
        walk.look()
        walk.press("Import 500 people")
        walk.says("500 people were added or changed.", 120)
        walk.look()

        page.get_by_role("link", name="To the people").click()
        page.get_by_label("Name, user name or e-mail").fill("p499")
        page.keyboard.press("Enter")
        page.wait_for_url("**/users?q=p499*")
        walk.look()
        page.get_by_role("link", name="Person 499").click()
        walk.fill(number="0011AA223344")
        walk.press("Add the card")
        walk.says("Card ending 3344")
        walk.look()
