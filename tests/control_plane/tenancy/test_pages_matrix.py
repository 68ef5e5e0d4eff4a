"""Every page as the owner of every tenant, about everybody else's things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from control_plane import schema
from control_plane.database import sqlite_url
from control_plane.security.routes import needs_of, public_routes
from control_plane.vault import Vault
from tests.support.web import Browser, a_browser, an_app, signed_in
from tests.support.worlds import Holding, UndoneDatabase, a_world

pytestmark = pytest.mark.timeout(900)  # thousands of requests; a busy machine takes its time
LATER = {"setup.show", "setup.finish"}  # only while there is nobody


class Pages:
    """The application with its pages, and a signed-in owner per tenant."""

    def __init__(self, folder: Path) -> None:
        self.database = UndoneDatabase(sqlite_url(folder / "x.db"))
        schema.migrate(self.database)
        vault = Vault(b"k" * 32)
        self.world = a_world(self.database, vault)
        self.app: Flask = an_app(folder, self.database, vault)
        self.browsers: dict[str, Browser] = {}
        for name, holding in self.world.items():
            assert holding.owner is not None
            self.browsers[name] = signed_in(self.app, self.database, holding.host, holding.owner)
        self.database.undoes = True

    def rules(self, method: str) -> Iterator[Rule]:
        for rule in self.app.url_map.iter_rules():
            is_api = rule.rule.startswith("/api/") or rule.endpoint == "static"
            if method in (rule.methods or ()) and not is_api:
                yield rule


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    pages = Pages(tmp_path_factory.mktemp("pages"))
    yield pages
    pages.database.close()


def path_of(rule: Rule, about: Holding) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda m: about.things.get(m[1], "x"), rule.rule)


def is_about_below(rule: Rule, name: str, other: Holding) -> bool:
    """Whether a vendor asks about what is its own: an account, or the vendor below it."""
    if other.parent != name or not other.tenant.account_id:
        return False
    return "<below_id>" in rule.rule or "<child_id>" in rule.rule


def test_nobody_sees_a_page_about_somebody_elses_things(pages: Pages) -> None:
    wrong: list[str] = []
    twins = 0
    for name, browser in pages.browsers.items():
        holding = pages.world[name]
        for rule in pages.rules("GET"):
            if rule.endpoint in public_routes():
                continue
            for other in pages.world.values():
                if other is not holding and "<" not in rule.rule:
                    continue
                answer = browser.get(path_of(rule, other))
                allowed = {name} | {o.name for o in pages.world.values() if o.parent == name}
                leaks = set(re.findall(r"mark-(\w+)", answer.text)) - allowed
                is_below = is_about_below(rule, name, other)
                is_own = other is holding or is_below
                twins += is_own and answer.status_code == 200
                if leaks or answer.status_code >= 500:
                    wrong.append(f"{name} {rule.rule} {other.name} {answer.status_code} {leaks}")
                if not is_own and answer.status_code not in (403, 404):
                    wrong.append(f"{name} {rule.rule} {other.name} {answer.status_code}")
    assert "\n".join(wrong) == ""
    assert twins > 50


def test_nobody_changes_somebody_elses_things_by_a_form(pages: Pages) -> None:
    wrong: list[str] = []
    for name, browser in pages.browsers.items():
        for rule in pages.rules("POST"):
            if rule.endpoint in public_routes() or "<" not in rule.rule:
                continue
            for other in pages.world.values():
                if other.name == name:
                    continue
                form: dict[str, Any] = {"csrf_token": browser.csrf, "enabled": "no"}
                answer = browser.post(path_of(rule, other), data=form)
                refused: tuple[int, ...] = (403, 404, 422)
                if is_about_below(rule, name, other):
                    refused += (409,)  # Its own account, which is open: there is nothing to open.
                if answer.status_code not in refused:
                    wrong.append(f"{name} {rule.rule} {other.name} {answer.status_code}")
                if f"mark-{other.name}" in answer.text and pages.world[other.name].parent != name:
                    wrong.append(f"{name} {rule.rule} shows {other.name}")
    assert "\n".join(wrong) == ""


def test_every_form_needs_the_token_and_our_own_origin(pages: Pages) -> None:
    alder = pages.browsers["alder"]
    for rule in pages.rules("POST"):
        if public_routes().get(rule.endpoint) == "machine":
            continue
        path = path_of(rule, pages.world["alder"])
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"X-CSRF-Token": "wrong"},
        ):
            answer = alder.post(path, headers=headers, data={})
            assert answer.status_code == 403, (rule.rule, headers)


def test_a_stranger_is_sent_to_the_door(pages: Pages) -> None:
    stranger = a_browser(pages.app, "alder.localhost")
    for rule in pages.rules("GET"):
        if rule.endpoint not in public_routes():
            answer = stranger.get(path_of(rule, pages.world["alder"]))
            assert answer.status_code in (303, 401), rule.rule
            assert "mark-" not in answer.text.replace("mark-alder", "", 0) or (
                answer.text.count("mark-") == answer.text.count("mark-alder")
            )


def test_every_page_says_what_it_needs_and_the_public_list_names_only_what_exists(
    pages: Pages,
) -> None:
    views = pages.app.view_functions
    silent = [
        name for name, view in views.items()
        if name not in public_routes() and needs_of(view) is None
    ]  # fmt: skip
    assert silent == []
    assert set(public_routes()) - set(views) == LATER
