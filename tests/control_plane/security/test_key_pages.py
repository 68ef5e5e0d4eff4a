from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control_plane import tenants
from control_plane.app import create_app
from control_plane.security import api_keys
from tests.control_plane.readers.test_reader_pages import Desk
from tests.control_plane.web.test_pages import browser_of
from tests.support.primary_site import Site, a_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path) as made:
        yield made


@pytest.fixture
def ada(site: Site) -> Desk:
    return Desk(browser_of(site, "alder", "ada"), "alder.localhost")


def make(desk: Desk, **other: Any) -> Any:
    form = {"name": "Report", "days": "30", "networks": "", "permissions": ["jobs.see"], **other}
    return desk.send("/api-keys", form, seen_at="/api-keys")


def key_in(text: str) -> str:
    found = re.search(r'id="key"[^>]*>(shk_[^<]+)<', text)
    assert found is not None, text
    return found[1]


def ask(site: Site, key: str) -> int:
    client = create_app(site.parts.settings, site.parts).test_client(use_cookies=False)
    answer = client.get(
        "/api/v1/jobs",
        base_url="https://alder.localhost",
        headers={"Authorization": f"Bearer {key}"},
    )
    return answer.status_code


def test_a_key_is_shown_once_works_and_is_refused_when_revoked(site: Site, ada: Desk) -> None:
    key = key_in(make(ada).text)
    assert ask(site, key) == 200
    page = ada.get("/api-keys").text
    assert key not in page
    assert "Report" in page
    path = re.search(r"/api-keys/[^/]+/revoke", page)
    assert path is not None
    assert ada.send(path[0], {}, seen_at="/api-keys").status_code == 303
    assert ask(site, key) == 401
    assert "revoked" in ada.get("/api-keys").text


def test_a_key_can_do_what_was_ticked_and_nothing_else(site: Site, ada: Desk) -> None:
    key = key_in(make(ada, permissions=["things.see"]).text)
    assert ask(site, key) == 403


def test_a_key_for_other_addresses_is_refused_from_here(site: Site, ada: Desk) -> None:
    assert ask(site, key_in(make(ada, networks="192.0.2.0/24, 198.51.100.0/24").text)) == 401
    assert ask(site, key_in(make(ada, networks="127.0.0.0/8").text)) == 200


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"name": ""}, "Please fill this in."),
        ({"permissions": []}, "Choose what it may do."),
        ({"networks": "somewhere"}, "network"),
        ({"days": "0"}, "This number is too small."),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(
    site: Site, ada: Desk, other: dict[str, Any], says: str
) -> None:
    answer = make(ada, **other)
    assert answer.status_code == 422
    assert says.lower() in answer.text.lower()
    with site.parts.database.reading() as session:
        assert not api_keys.list_keys(session, tenants.account(site.town.alder.account.id))


def test_a_key_without_an_end_stays_until_it_is_revoked(ada: Desk) -> None:
    make(ada, days="")
    assert "until it is revoked" in ada.get("/api-keys").text


def test_only_who_may_change_settings_makes_keys(site: Site, ada: Desk) -> None:
    ben = Desk(browser_of(site, "alder", "ben"), "alder.localhost")
    assert ben.get("/api-keys").status_code == 403
    token = ben.get("/my").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = ben.post(
        "/api-keys",
        data={"csrf_token": token, "name": "x", "permissions": ["jobs.see"]},
        headers={"X-CSRF-Token": None},
    )
    assert answer.status_code == 403
    assert make(ada).status_code == 200


def test_the_neighbour_neither_sees_nor_revokes_it(site: Site, ada: Desk) -> None:
    key = key_in(make(ada, name="Ours alone").text)
    cleo = Desk(browser_of(site, "cedar", "cleo"), "cedar.localhost")
    assert "Ours alone" not in cleo.get("/api-keys").text
    path = re.search(r"/api-keys/[^/]+/revoke", ada.get("/api-keys").text)
    assert path is not None
    assert cleo.send(path[0], {}, seen_at="/readers/new").status_code == 404
    assert ask(site, key) == 200
