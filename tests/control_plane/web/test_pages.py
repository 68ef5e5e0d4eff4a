from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from control_plane.app import create_app
from control_plane.rest import api
from tests.support.day import live_a_day, send_titles
from tests.support.houses import PASSWORD
from tests.support.primary_site import Site, a_site

PAGES = (
    "/",
    "/jobs",
    "/printers",
    "/users",
    "/sites",
    "/queues",
    "/audit",
    "/roles",
    "/settings",
    "/my",
    "/find?q=re",
    "/api-docs",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    state: Path = tmp_path_factory.mktemp("primary")
    with a_site(state) as made:
        live_a_day(made)
        yield made


def browser_of(site: Site, house: str, username: str) -> FlaskClient:
    client = create_app(site.parts.settings, site.parts).test_client()
    base = f"https://{house}.localhost"
    client.environ_base["HTTP_ORIGIN"] = base
    client.environ_base["SERVER_NAME"] = f"{house}.localhost"
    client.environ_base["wsgi.url_scheme"] = "https"
    form = {"username": username, "password": PASSWORD}
    answer = client.post("/sign-in", base_url=base, data=form)
    assert answer.status_code == 303, answer.text
    return client


@pytest.fixture(scope="module")
def ada(site: Site) -> FlaskClient:
    return browser_of(site, "alder", "ada")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers(ada: FlaskClient, path: str) -> None:
    answer = ada.get(path, base_url="https://alder.localhost")
    assert answer.status_code == 200
    assert 'style="' not in answer.text
    assert "<script>" not in answer.text


def test_a_live_part_is_sent_again_only_when_it_changed(ada: FlaskClient, site: Site) -> None:
    base = "https://alder.localhost"
    first = ada.get("/now/live", base_url=base)
    known = {"If-None-Match": first.headers["ETag"]}
    again = ada.get("/now/live", base_url=base, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["X-As-Of"]
    send_titles(site, ["News.pdf"])
    changed = ada.get("/now/live", base_url=base, headers=known)
    assert changed.status_code == 200
    assert "News.pdf" in changed.text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_the_database_as_often_with_many_jobs_as_with_few(
    ada: FlaskClient, site: Site, path: str
) -> None:
    before = queries_of(ada, site, path)
    send_titles(site, [f"More {n}.pdf" for n in range(60)])
    assert queries_of(ada, site, path) == before


def queries_of(client: FlaskClient, site: Site, path: str) -> int:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    engine = site.parts.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert client.get(path, base_url="https://alder.localhost").status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(statements)


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_place(site: Site, target: str) -> None:
    client = create_app(site.parts.settings, site.parts).test_client()
    base = "https://alder.localhost"
    answer = client.post(
        "/sign-in",
        base_url=base,
        data={"username": "ada", "password": PASSWORD, "next": target},
        headers={"Origin": base},
    )
    assert answer.headers["Location"] == "/"


def test_a_wrong_password_is_refused_in_words_that_tell_nothing_more(site: Site) -> None:
    client = create_app(site.parts.settings, site.parts).test_client()
    base = "https://alder.localhost"
    said = set()
    for username in ("ada", "nobody-of-that-name"):
        answer = client.post(
            "/sign-in",
            base_url=base,
            data={"username": username, "password": "wrong horse"},
            headers={"Origin": base},
        )
        assert answer.status_code == 401
        said.add(answer.text.replace(username, ""))
    assert len(said) == 1


def test_the_neighbours_page_is_not_there(site: Site) -> None:
    cleo = browser_of(site, "cedar", "cleo")
    printer, user = site.town.alder.printer.id, site.town.ada.id
    gateway, queue = site.town.alder.gateway.id, site.town.alder.pull.id
    for path in (
        f"/printers/{printer}", f"/users/{user}", f"/gateways/{gateway}", f"/queues/{queue}",
    ):  # fmt: skip
        assert cleo.get(path, base_url="https://cedar.localhost").status_code == 404, path
    own = site.town.cedar.printer.id
    assert cleo.get(f"/printers/{own}", base_url="https://cedar.localhost").status_code == 200


def test_a_vendor_looks_into_an_account_that_lets_it_and_reads_no_titles(
    ada: FlaskClient, site: Site
) -> None:
    send_titles(site, ["Quarter report.pdf"])
    vic = browser_of(site, "vic", "vic")
    inside = f"/accounts/{site.town.alder.account.id}/jobs"
    assert vic.get(inside, base_url="https://vic.localhost").status_code == 403
    token = csrf_of(ada, "/settings")
    form = {"csrf_token": token, "reason": "Leeds prints slowly", "hours": "1"}
    base = "https://alder.localhost"
    assert ada.post("/settings/grants", base_url=base, data=form).status_code == 303
    seen = vic.get(inside, base_url="https://vic.localhost")
    assert seen.status_code == 200
    assert "a document" in seen.text
    assert "Quarter report" not in seen.text
    found = vic.get(f"{inside}?q=Quarter", base_url="https://vic.localhost")
    assert found.text.count("a document") == seen.text.count("a document")
    own = ada.get("/jobs", base_url=base)
    assert "Quarter report" in own.text


def csrf_of(client: FlaskClient, path: str) -> str:
    text = client.get(path, base_url="https://alder.localhost").text
    return text.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_an_account_is_set_and_its_people_get_roles(ada: FlaskClient, site: Site) -> None:
    base = "https://alder.localhost"
    token = csrf_of(ada, "/settings")
    form = {
        "csrf_token": token,
        "name": "Alder Ltd",
        "language": "en",
        "time_zone": "Nowhere/Land",
        "retention_seconds": "14400",
        "claimed_allowed": "on",
    }
    refused = ada.post("/settings", base_url=base, data=form)
    assert refused.status_code == 422
    assert "must be a time zone" in refused.text.lower()
    emptied = ada.post("/settings", base_url=base, data={**form, "name": " ", "time_zone": ""})
    assert (emptied.status_code, emptied.text.count("Please fill this in.")) == (422, 2)
    saved = ada.post("/settings", base_url=base, data={**form, "time_zone": "Europe/London"})
    assert saved.status_code == 303
    role = {"csrf_token": token, "name": "Front desk", "permissions": ["jobs.see", "own.jobs"]}
    assert ada.post("/roles", base_url=base, data=role).status_code == 303
    assert "Front desk" in ada.get(f"/users/{site.town.ben.id}", base_url=base).text


def test_nobody_can_stop_being_the_last_owner(ada: FlaskClient, site: Site) -> None:
    form = {"csrf_token": csrf_of(ada, "/settings"), "roles": []}
    path = f"/users/{site.town.ada.id}/roles"
    answer = ada.post(path, base_url="https://alder.localhost", data=form)
    assert answer.status_code == 422
    assert "Somebody must stay owner." in answer.text


def test_an_error_page_says_what_it_means_and_where_to_go(ada: FlaskClient, site: Site) -> None:
    answer = ada.get("/no-such-page", base_url="https://alder.localhost")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    ben = browser_of(site, "alder", "ben")
    refused = ben.get("/jobs", base_url="https://alder.localhost")
    assert refused.status_code == 403
    assert "This is not for you" in refused.text
    assert "jobs.see" not in refused.text


def test_what_was_asked_of_the_gateway_stands_in_the_jobs_way(ada: FlaskClient, site: Site) -> None:
    base = "https://alder.localhost"
    listed = ada.get("/jobs?state=held", base_url=base).text
    held = re.findall(r'href="/jobs/([0-9a-f-]{36})"', listed)[0]
    assert "Asked to print it" not in ada.get(f"/jobs/{held}", base_url=base).text
    form = {
        "csrf_token": csrf_of(ada, "/settings"),
        "printer_id": site.town.alder.printer.id,
    }
    answer = ada.post(f"/jobs/{held}/release", base_url=base, data=form)
    assert answer.status_code == 303
    page = ada.get(f"/jobs/{held}", base_url=base).text
    assert "Asked to print it" in page
    assert "the gateway has not answered yet" in page


def test_the_apis_own_page_tells_of_every_route_without_the_outside_world(
    ada: FlaskClient,
) -> None:
    page = ada.get("/api-docs", base_url="https://alder.localhost").text
    for path, methods in api.describe()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    assert "https://" not in page.replace("https://alder.localhost", "")
    document = ada.get("/api/v1/openapi.json", base_url="https://alder.localhost")
    assert document.status_code == 200
