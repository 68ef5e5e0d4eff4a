from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PANEL, Trouble, axe_findings, wait_until, watched_page
from tests.support.payloads import SCRIPTING
from tests.support.terminal_gateway import SayingGateway, saying_gateway
from tests.support.terminal_states import IDLE, STATES, session, waiting

pytestmark = pytest.mark.browser


@pytest.fixture
def gateway() -> Iterator[SayingGateway]:
    with saying_gateway() as running:
        yield running


@pytest.fixture
def terminal(browser: Browser, gateway: SayingGateway) -> Iterator[tuple[Page, Trouble]]:
    with watched_page(browser, viewport=PANEL, locale="en-GB") as (page, trouble):
        yield page, trouble
        assert trouble.found() == []


def posts_of(gateway: SayingGateway, name: str) -> list[dict[str, Any]]:
    return [body for posted, body, _ in gateway.posts if posted == name]


def test_an_unpaired_terminal_shows_no_data_and_pairs_with_a_code(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.paired = False
    gateway.state = IDLE
    page.goto(gateway.url)
    for key in "ABCD2":
        page.get_by_role("button", name=key, exact=True).click()
    page.get_by_role("button", name="Pair").click()
    expect(page.locator(".big:visible")).to_have_text("Tap your card")
    name, body, headers = gateway.posts[0]
    assert (name, body["code"]) == ("pair", "ABCD2")
    assert headers["X-Terminal"] == "1"
    assert headers["Content-Type"] == "application/json"


def test_a_code_in_the_address_pairs_at_once_and_leaves_the_address(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.paired = False
    gateway.state = IDLE
    page.goto(f"{gateway.url}#pair=WXYZ-2345")
    expect(page.locator(".big:visible")).to_have_text("Tap your card")
    assert posts_of(gateway, "pair")[0]["code"] == "WXYZ-2345"
    assert "WXYZ" not in page.url


def test_a_wrong_code_is_answered_in_words(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.paired = False
    gateway.answers["pair"] = (403, {"message": "This code was used already."})
    page.goto(gateway.url)
    page.get_by_role("textbox").fill("NOPE")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_have_text("This code was used already.")


def test_what_is_ticked_is_printed_and_nothing_else(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = session()
    page.goto(gateway.url)
    expect(page.get_by_role("heading", name="Hello Ada")).to_be_visible()
    expect(page.locator("#print")).to_have_text("Print 2 jobs · 13 pages")
    page.get_by_text("Invoice 2231.pdf").click()
    expect(page.locator("#print")).to_have_text("Print 1 job · 12 pages")
    gateway.say(session())
    expect(page.locator("#print")).to_have_text("Print 1 job · 12 pages")
    page.locator("#print").click()
    wait_until(lambda: bool(posts_of(gateway, "release")), "the release")
    assert posts_of(gateway, "release") == [{"job_ids": ["job-1"]}]


def test_a_job_that_cannot_be_printed_here_says_why_and_cannot_be_ticked(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = session()
    page.goto(gateway.url)
    expect(page.get_by_text("needs A3: print it at Plotter room, 2nd floor")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Poster A2.pdf")).to_be_disabled()


def test_deleting_asks_first(terminal: tuple[Page, Trouble], gateway: SayingGateway) -> None:
    page, _ = terminal
    gateway.state = session()
    page.goto(gateway.url)
    page.get_by_role("button", name="Delete Invoice 2231.pdf").click()
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Delete Invoice 2231.pdf").click()
    assert posts_of(gateway, "delete") == []
    page.locator(".danger").click()
    wait_until(lambda: bool(posts_of(gateway, "delete")), "the deletion")
    assert posts_of(gateway, "delete") == [{"job_id": "job-2"}]


def test_the_next_person_finds_nothing_of_the_last(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = session()
    page.goto(gateway.url)
    page.get_by_text("Invoice 2231.pdf").click()
    gateway.say(IDLE)
    expect(page.locator(".big:visible")).to_have_text("Tap your card")
    assert "Quarter report" not in page.content()
    gateway.say(session())
    expect(page.locator("#print")).to_have_text("Print 2 jobs · 13 pages")


def test_signing_in_by_name_uses_the_keys_on_the_panel(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = IDLE
    gateway.answers["sign-in"] = (403, {"message": "Please wait a minute."})
    page.goto(gateway.url)
    page.get_by_role("button", name="Sign in by name").click()
    for key in "ada":
        page.get_by_role("button", name=key, exact=True).click()
    page.get_by_label("Password").click()
    page.get_by_role("button", name="Capitals").click()
    page.get_by_role("button", name="S", exact=True).click()
    page.get_by_role("button", name="1", exact=True).click()
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("Please wait a minute.")).to_be_visible()
    assert posts_of(gateway, "sign-in") == [{"username": "ada", "password": "S1"}]
    expect(page.get_by_label("Password")).to_have_value("")


def test_a_job_that_the_printer_refused_says_why(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = session()
    gateway.answers["release"] = (200, {"released": [], "refused": {"job-1": "It is damaged."}})
    page.goto(gateway.url)
    page.locator("#print").click()
    expect(page.get_by_text("It is damaged.")).to_be_visible()


def test_a_gateway_that_falls_silent_is_said_and_the_names_are_gone(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = session()
    page.goto(gateway.url)
    expect(page.get_by_text("Quarter report.pdf")).to_be_visible()
    gateway.fall_silent()
    expect(page.locator(".big:visible")).to_have_text("This terminal has lost its gateway")
    assert "Quarter report" not in page.content()


def test_the_panel_speaks_german_when_the_person_does(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.state = {**session(), "language": "de"}
    page.goto(gateway.url)
    expect(page.locator("#print")).to_have_text("2 Aufträge drucken · 13 Seiten")
    assert page.locator("html").get_attribute("lang") == "de"


def test_both_languages_have_the_same_words(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    page.goto(gateway.url)
    assert page.evaluate("Object.keys(WORDS.en).join()") == page.evaluate(
        "Object.keys(WORDS.de).join()"
    )


def test_hostile_titles_and_names_are_only_text(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, trouble = terminal
    jobs = [waiting(f"job-{n}", text, text) for n, text in enumerate(SCRIPTING)]
    for text in SCRIPTING:
        gateway.state = session(name=text, jobs=jobs, says=text)
        gateway.say(gateway.state)
        if page.url == "about:blank":
            page.goto(gateway.url)
        expect(page.locator("#hello")).to_have_text(f"Hello {text}", use_inner_text=False)
    assert page.locator("#jobs .t").all_text_contents() == list(SCRIPTING)
    assert page.locator("#jobs script, #jobs img, #jobs iframe").count() == 0
    assert trouble.found() == []


@pytest.mark.parametrize("name", STATES)
def test_every_state_fits_the_panel_and_is_accessible(
    terminal: tuple[Page, Trouble], gateway: SayingGateway, name: str
) -> None:
    page, _ = terminal
    gateway.state = STATES[name]
    page.goto(gateway.url)
    expect(page.locator("body")).to_have_attribute("data-screen", STATES[name]["state"])
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 800
    assert page.evaluate("document.documentElement.scrollHeight") <= 480
    small = page.evaluate(
        "[...document.querySelectorAll('button')].filter((b) => b.offsetParent)"
        ".map((b) => [b.textContent, b.getBoundingClientRect()])"
        ".filter(([, r]) => r.height < 44 || r.width < 44).map(([t]) => t)"
    )
    assert small == []


def test_a_new_card_asks_for_a_sign_in_and_says_whose_it_is_then(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.answers["sign-in"] = (200, {"message": "Hello Ada. This card is yours now."})
    gateway.say(STATES["enrol"])
    page.goto(gateway.url)
    expect(page.locator("#hello")).to_have_text(STATES["enrol"]["message"])
    expect(page.locator("#username")).to_be_focused()
    page.locator("#username").fill("ada")
    page.locator("#password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#toast")).to_have_text("Hello Ada. This card is yours now.")
    assert posts_of(gateway, "sign-in") == [{"username": "ada", "password": "correct horse"}]
    gateway.say(session())
    expect(page.locator("body")).to_have_attribute("data-screen", "session")


def test_a_card_that_nobody_wants_to_enrol_goes_back_and_a_plain_sign_in_says_nothing_of_it(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.say(STATES["enrol"])
    page.goto(gateway.url)
    page.get_by_role("button", name="Back").click()
    wait_until(lambda: posts_of(gateway, "sign-out") == [{}], "the card is given back")
    gateway.say(IDLE)
    page.get_by_role("button", name="Sign in by name").click()
    expect(page.locator("#hello")).to_have_text("Reception 1")


def test_a_card_that_needs_its_pin_asks_for_it_with_big_digits(
    terminal: tuple[Page, Trouble], gateway: SayingGateway
) -> None:
    page, _ = terminal
    gateway.say({**IDLE, "state": "pin", "message": "Please enter your PIN."})
    page.goto(gateway.url)
    expect(page.locator(".big:visible")).to_have_text("Please enter your PIN.")
    for key in "271828":
        page.get_by_role("button", name=key, exact=True).click()
    page.get_by_role("button", name="Sign in").click()
    wait_until(lambda: posts_of(gateway, "pin") == [{"pin": "271828"}], "the PIN")
    expect(page.locator("#pin")).to_have_value("")
    assert axe_findings(page) == []
