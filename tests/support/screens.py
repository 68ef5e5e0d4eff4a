"""Make a picture of every page, light and dark, at a desk and on a phone, and of the panel.

The pages are real and so is the primary behind them; the accounts are lived-in examples.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from tests.support.browser import (
    DESK,
    PANEL,
    PHONE,
    Trouble,
    chromium,
    watched_page,
    what_does_not_fit,
)
from tests.support.day import live_a_day
from tests.support.mishaps import let_things_happen
from tests.support.primary_site import Site, first_run_site, primary_site
from tests.support.terminal_gateway import saying_gateway
from tests.support.terminal_states import STATES
from tests.support.tour import Stop, go, sign_in, speak, tour

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Look:
    size: ViewportSize
    scheme: str
    language: str = "en"


LOOKS: Mapping[str, Look] = {
    "desk-light": Look(DESK, "light"),
    "desk-dark": Look(DESK, "dark"),
    "phone-light": Look(PHONE, "light"),
    "phone-dark": Look(PHONE, "dark"),
    "desk-light-de": Look(DESK, "light", "de"),
    "phone-dark-de": Look(PHONE, "dark", "de"),
}
# The three that the README shows.
PICTURES = {
    "desk-light-now": "now.png",
    "desk-light-job": "job.png",
    "panel-en-session": "terminal.png",
}


def picture(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(150)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def shoot_primary(
    browser: Browser, folder: Path, looks: Sequence[str], words: Sequence[str]
) -> list[str]:
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as state, primary_site(Path(state)) as site:
        things = let_things_happen(site)
        stops = list(tour(site, live_a_day(site), things))
        stops = [stop for stop in stops if not words or any(w in stop.name for w in words)]
        for look in looks:
            for who in dict.fromkeys(stop.who for stop in stops):
                own = [stop for stop in stops if stop.who == who]
                wrong += shoot_one_way(browser, folder, look, site, own)
    return wrong


def shoot_one_way(
    browser: Browser, folder: Path, look: str, site: Site, stops: Sequence[Stop]
) -> list[str]:
    """Make the pictures that one person sees, in one look."""
    wrong: list[str] = []
    it = LOOKS[look]
    with watched_page(
        browser,
        viewport=it.size,
        color_scheme=it.scheme,
        locale={"en": "en-GB", "de": "de-DE"}[it.language],
        ignore_https_errors=True,
    ) as (page, trouble):
        speak(page, site, it.language)
        if stops[0].username:
            sign_in(page, site, stops[0].house, stops[0].username)
        for stop in stops:
            go(page, site, stop)
            picture(page, folder, f"{look}-{stop.name}")
            wrong += describe(trouble, f"{look}-{stop.name}", page)
    return wrong


def shoot_first_run(browser: Browser, folder: Path, looks: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as state, first_run_site(Path(state)) as url:
        for look in looks:
            it = LOOKS[look]
            locale = {"en": "en-GB", "de": "de-DE"}[it.language]
            options = {"viewport": it.size, "color_scheme": it.scheme, "locale": locale}
            with watched_page(browser, **options, ignore_https_errors=True) as (page, _):
                page.goto(url)
                picture(page, folder, f"{look}-first-run")


def describe(trouble: Trouble, name: str, page: Page) -> list[str]:
    return [f"{name}: {what}" for what in (*trouble.found(), *what_does_not_fit(page))]


def shoot_terminal(browser: Browser, folder: Path) -> None:
    for language, locale in (("en", "en-GB"), ("de", "de-DE")):
        with saying_gateway() as gateway:
            for name, state in STATES.items():
                with watched_page(browser, viewport=PANEL, locale=locale) as (page, _):
                    gateway.state = {**state, "language": language}
                    page.goto(gateway.url)
                    page.wait_for_selector(f'body[data-screen="{state["state"]}"]')
                    picture(page, folder, f"panel-{language}-{name.replace(' ', '-')}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/screens", description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "var" / "screens")
    parser.add_argument("--readme", action="store_true", help="renew docs/pictures, too")
    parser.add_argument("--look", action="append", choices=LOOKS, help="only this look")
    parser.add_argument("words", nargs="*", help="only pages with one of these in their name")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    looks = options.look or list(LOOKS)
    with chromium() as browser:
        if not options.words or "panel" in options.words:
            shoot_terminal(browser, options.into)
        if not options.words or "first-run" in options.words:
            shoot_first_run(browser, options.into, looks)
        wrong = shoot_primary(browser, options.into, looks, options.words)
    if options.readme:
        renew(options.into, ROOT / "docs" / "pictures")
    print(f"{len(list(options.into.glob('*.png')))} pictures in {options.into}")
    for line in wrong:
        print(f"wrong: {line}")
    return 1 if wrong else 0


def renew(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, picked in PICTURES.items():
        shutil.copyfile(source / f"{name}.png", target / picked)


if __name__ == "__main__":
    sys.exit(main())
