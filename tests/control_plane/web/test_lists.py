"""Lists: search and order stay with the page, and a file holds every row of them."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from control_plane.paging import EXPORT_LIMIT
from tests.control_plane.web.test_pages import browser_of
from tests.support.day import send_titles
from tests.support.primary_site import Site, a_site
from tests.support.web import Browser

BASE = "https://alder.localhost"
MANY = EXPORT_LIMIT + 40
LISTS = (
    "/jobs", "/sites", "/printers", "/queues", "/readers", "/terminals", "/audit", "/users",
    "/groups",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(Path(tmp_path_factory.mktemp("lists"))) as made:
        send_titles(made, [f"Plan {n:04}.pdf" for n in range(MANY)])
        send_titles(made, ["=cmd|calc!A0"])
        yield made


@pytest.fixture(scope="module")
def ada(site: Site) -> Browser:
    return Browser(browser_of(site, "alder", "ada"), "alder.localhost")


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]


def test_a_file_holds_the_whole_list_and_asks_for_a_thousand_rows_at_a_time(
    ada: Browser, site: Site
) -> None:
    asked: list[str] = []

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    engine = site.parts.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        rows = rows_of(ada.get("/jobs/export.csv").text)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len({row[0] for row in rows}) == len(rows) == MANY + 1
    assert "'=cmd|calc!A0" in {row[0] for row in rows}
    assert sum("FROM jobs" in said for said in asked) == 2


def test_a_file_has_the_pages_search_and_order(ada: Browser) -> None:
    page = ada.get("/jobs?q=Plan+000&order=-title").text
    address = re.search(r'href="([^"]+export.csv[^"]*)"', page)
    assert address
    rows = rows_of(ada.get(html.unescape(address[1])).text)
    assert [row[0] for row in rows] == [f"Plan {n:04}.pdf" for n in range(9, -1, -1)]


@pytest.mark.parametrize("path", LISTS)
def test_each_list_sorts_by_its_headings_and_has_its_file(ada: Browser, path: str) -> None:
    page = ada.get(path).text
    headings = {html.unescape(found) for found in re.findall(r'href="([^"]*\?order=[^"]*)"', page)}
    if "<thead>" in page:
        assert headings
    for heading in headings:
        sorted_page = ada.get(heading)
        assert sorted_page.status_code == 200
        assert sorted_page.text.count("aria-sort=") == 1
    assert ada.get(f"{path}/export.csv").status_code == 200


def test_words_in_the_address_that_mean_something_elsewhere_are_only_words(ada: Browser) -> None:
    page = ada.get("/printers?endpoint=x&_scheme=javascript&_external=1&_anchor=y&values=1")
    assert page.status_code == 200
    assert "javascript:" not in page.text
    assert 'href="/printers?' in page.text


def test_a_cursor_that_is_none_of_ours_is_refused_before_the_file_begins(ada: Browser) -> None:
    assert ada.get("/jobs?cursor=nonsense").status_code == 422
    assert ada.get("/jobs?cursor=").status_code == 200


def test_the_next_page_of_a_live_part_is_a_whole_page(ada: Browser) -> None:
    part = ada.get("/jobs?fragment=rows&order=title").text
    following = re.search(r'href="([^"]*cursor=[^"]*)"', part)
    assert following
    page = ada.get(html.unescape(following[1])).text
    assert "<!doctype html>" in page
    assert "Plan 0050.pdf" in page


@pytest.mark.parametrize("path", LISTS)
def test_a_phone_sorts_each_list_by_a_field_of_its_search(ada: Browser, path: str) -> None:
    page = ada.get(path).text
    headings = set(re.findall(r'id="sort-([a-z]+)"', page))
    options = set(re.findall(r'<option value="-?([a-z]+)"[^>]*>[^<]+, (?:a|de)scending', page))
    if "<thead>" in page:
        assert options == headings
    for key in options:
        assert f'<option value="-{key}" selected>' in ada.get(f"{path}?order=-{key}").text
