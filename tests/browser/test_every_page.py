"""Every page of the primary, along one way: it fits, keeps to its policy, and axe finds nothing.

English at a desk and German on a phone; each page once in light, its colours in dark, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from control_plane.app import create_app
from tests.support.browser import DESK, PHONE, axe_findings, watched_page, what_does_not_fit
from tests.support.day import live_a_day
from tests.support.mishaps import let_things_happen
from tests.support.primary_site import Site, first_run_site, primary_site
from tests.support.tour import NOT_PAGES, Stop, go, sign_in, speak, tour

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
# Colours that are still on their way from light to dark would be measured in between.
STILL = {"color_scheme": "light", "reduced_motion": "reduce", "ignore_https_errors": True}
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "desk": ("en", {"viewport": DESK, "locale": "en-GB", **STILL}),
    "phone": ("de", {"viewport": PHONE, "locale": "de-DE", **STILL}),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    state: Path = tmp_path_factory.mktemp("primary")
    with primary_site(state) as running:
        yield running


@pytest.fixture(scope="module")
def stops(site: Site) -> list[Stop]:
    things = let_things_happen(site)
    return list(tour(site, live_a_day(site), things))


def faults(page: Page, size: ViewportSize) -> list[str]:
    """List what is wrong with the page that is shown: in light, its colours in dark; any size."""
    found = axe_findings(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {finding}" for finding in axe_findings(page, rules=("color-contrast",))]
    page.emulate_media(color_scheme="light")
    for other in (DESK, PHONE):
        page.set_viewport_size(other)
        found += what_does_not_fit(page)
    page.set_viewport_size(size)
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_fits_and_is_accessible(
    browser: Browser, site: Site, stops: list[Stop], look: str
) -> None:
    language, options = LOOKS[look]
    wrong: list[str] = []
    for who in dict.fromkeys(stop.who for stop in stops):
        own = [stop for stop in stops if stop.who == who]
        with watched_page(browser, **options) as (page, trouble):
            page.set_default_timeout(30_000)
            speak(page, site, language)
            if own[0].username:
                sign_in(page, site, own[0].house, own[0].username)
            for stop in own:
                go(page, site, stop)
                assert page.locator("html").get_attribute("lang") == language, stop.name
                found = [*faults(page, options["viewport"]), *trouble.found()]
                wrong += [f"{stop.name}: {what}" for what in found]
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("look", LOOKS)
def test_the_first_page_of_all_fits_and_is_accessible(
    browser: Browser, tmp_path: Path, look: str
) -> None:
    _language, options = LOOKS[look]
    with (
        first_run_site(tmp_path) as url,
        watched_page(browser, **options) as (page, trouble),
    ):
        page.goto(url)
        assert faults(page, options["viewport"]) == []
        assert trouble.found() == []


def test_the_way_leads_past_every_page(site: Site, stops: list[Stop]) -> None:
    """A page that is not on the way is looked at by nobody."""
    app = create_app(site.parts.settings, site.parts)
    matched = app.url_map.bind("alder.localhost")
    seen = {
        matched.match(stop.path.partition("?")[0])[0]
        for stop in stops
        if not (stop.status == 404 or stop.path.startswith("/accounts/0"))
    }
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.rule.startswith("/api/")
        and not rule.rule.endswith(("/live", ".csv"))
    }
    followed = {stop.name for stop in stops if stop.then is not None}
    by_following = {
        "groups.show_group": "group",
        "readers.show_reader": "reader",
        "jobs.choose_owner": "job-give",
        "roles.show_role": "role",
        "sites.show_site": "site",
    }
    reached = seen | {page for page, stop in by_following.items() if stop in followed}
    assert pages - reached - NOT_PAGES == set()
