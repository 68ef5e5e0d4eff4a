"""Make a picture of every page, light and dark, at a desk and on a phone, and of the panel.

The pages are real and so is the primary behind them; the account is a lived-in example.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.browser import DESK, PANEL, PHONE, Trouble, chromium, watched_page
from tests.support.houses import PASSWORD
from tests.support.primary_site import Site, live_a_day, primary_site
from tests.support.terminal_gateway import saying_gateway
from tests.support.terminal_states import STATES

ROOT = Path(__file__).resolve().parents[2]
LOOKS: Mapping[str, tuple[dict[str, int], str]] = {
    "desk-light": (DESK, "light"),
    "desk-dark": (DESK, "dark"),
    "phone-light": (PHONE, "light"),
    "phone-dark": (PHONE, "dark"),
}
# The three that the README shows.
PICTURES = {
    "desk-light-now": "now.png",
    "desk-light-job": "job.png",
    "panel-session": "terminal.png",
}


def pages(site: Site, held: str) -> Iterator[tuple[str, str]]:
    town = site.town
    yield "now", "/"
    yield "jobs", "/jobs"
    yield "job", f"/jobs/{held}"
    yield "printers", "/printers"
    yield "printer", f"/printers/{town.alder.printer.id}"
    yield "printer-new", "/printers/new"
    yield "people", "/users"
    yield "person", f"/users/{town.ada.id}"
    yield "sites", "/sites"
    yield "gateway", f"/gateways/{town.alder.gateway.id}"
    yield "queues", "/queues"
    yield "queue", f"/queues/{town.alder.pull.id}"
    yield "readers", "/readers"
    yield "reader-new", "/readers/new"
    yield "terminals", "/terminals"
    yield "audit", "/audit"
    yield "groups", "/groups"
    yield "roles", "/roles"
    yield "settings", "/settings"
    yield "my", "/my"
    yield "find", "/find?q=re"
    yield "not-found", "/there-is-no-such-page"


def sign_in(page: Page, site: Site, house: str, username: str) -> None:
    page.goto(site.url(house, "/sign-in"))
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD)
    page.locator("form button").click()
    page.wait_for_selector(".frame h1")


def picture(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(150)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def shoot_primary(browser: Browser, folder: Path) -> list[str]:
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as state, primary_site(Path(state)) as site:
        held = live_a_day(site)
        for look, (size, scheme) in LOOKS.items():
            options: dict[str, Any] = {"viewport": size, "color_scheme": scheme}
            with watched_page(browser, **options, ignore_https_errors=True) as (page, trouble):
                page.goto(site.url("alder", "/sign-in"))
                picture(page, folder, f"{look}-sign-in")
                sign_in(page, site, "alder", "ada")
                for name, path in pages(site, held):
                    page.goto(site.url("alder", path))
                    picture(page, folder, f"{look}-{name}")
                    wrong += describe(trouble, f"{look}-{name}", page, size["width"])
            with watched_page(browser, **options, ignore_https_errors=True) as (page, _):
                sign_in(page, site, "vic", "vic")
                picture(page, folder, f"{look}-accounts")
                page.goto(site.url("vic", f"/customers/{site.town.alder.account.id}"))
                picture(page, folder, f"{look}-account")
    return wrong


def describe(trouble: Trouble, name: str, page: Page, width: int) -> list[str]:
    found = [f"{name}: {what}" for what in trouble.found()]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append(f"{name}: is wider than the screen")
    return found


def shoot_terminal(browser: Browser, folder: Path) -> None:
    with saying_gateway() as gateway:
        for name, state in STATES.items():
            with watched_page(browser, viewport=PANEL, locale="en-GB") as (page, _):
                gateway.state = state
                page.goto(gateway.url)
                page.wait_for_selector(f'body[data-screen="{state["state"]}"]')
                picture(page, folder, f"panel-{name.replace(' ', '-')}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/screens", description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "var" / "screens")
    parser.add_argument("--readme", action="store_true", help="renew docs/pictures, too")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        shoot_terminal(browser, options.into)
        wrong = shoot_primary(browser, options.into)
    if options.readme:
        target = ROOT / "docs" / "pictures"
        target.mkdir(parents=True, exist_ok=True)
        for source, name in PICTURES.items():
            shutil.copyfile(options.into / f"{source}.png", target / name)
    print(f"{len(list(options.into.glob('*.png')))} pictures in {options.into}")
    for line in wrong:
        print(f"wrong: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
