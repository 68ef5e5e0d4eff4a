from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from control_plane import request as current
from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.database import Database
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.security import api_keys, sessions
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.security.routes import requires
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import a_browser, an_app, give_domains, signed_in


@pytest.fixture
def app(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Flask:
    app = an_app(tmp_path, database, vault, pages=())
    give_domains(database, town)

    @app.get("/whose")
    @requires(Permission.SEE_JOBS)
    def whose() -> str:
        return str(current.caller().tenant)

    @app.post("/change")
    @requires()
    def change() -> str:
        return "changed"

    @app.get("/forgotten")
    def forgotten() -> str:
        return "a route that nobody thought about"

    return app


def test_a_route_that_says_nothing_is_served_to_nobody(
    app: Flask, database: Database, town: Town
) -> None:
    ada = signed_in(app, database, "alder.localhost", town.ada)
    assert ada.get("/forgotten").status_code == 403
    assert ada.get("/whose").status_code == 200


def test_nobody_is_let_in_without_a_session(app: Flask, database: Database, town: Town) -> None:
    stranger = a_browser(app, "alder.localhost")
    assert stranger.get("/whose").status_code in (302, 303, 401)
    assert stranger.post("/change").status_code in (401, 403)
    assert signed_in(app, database, "alder.localhost", town.ada).post("/change").text == "changed"


def test_a_program_without_a_key_reads_that_it_needs_one(app: Flask, town: Town) -> None:
    program = app.test_client()
    answer = program.post("/change", base_url="https://alder.localhost")
    assert answer.status_code == 401
    assert "did not come from" not in answer.text


def test_a_person_without_the_permission_is_refused(
    app: Flask, database: Database, town: Town
) -> None:
    assert signed_in(app, database, "alder.localhost", town.ben).get("/whose").status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "alder.localhost.evil.example",
        "alder.localhost.",
        "alder.localhost@evil.example",
        "xn--lder-0na.localhost",
        "alder.localhost:443:1",
        "alder_localhost",
        "192.0.2.1",
        "",
    ],
)
def test_an_unknown_host_gets_421_and_no_brand(app: Flask, host: str) -> None:
    answer = app.test_client().get("/whose", headers={"Host": host}, base_url="https://x")
    assert answer.status_code == 421
    assert "Alder" not in answer.text
    assert "Vic" not in answer.text


@pytest.mark.parametrize("host", ["ALDER.localhost", "alder.localhost:9999"])
def test_capitals_and_a_port_make_no_difference(
    app: Flask, database: Database, town: Town, host: str
) -> None:
    ada = signed_in(app, database, "alder.localhost", town.ada)
    token = ada.client.get_cookie(sessions.COOKIE, "alder.localhost")
    assert token is not None
    answer = app.test_client(use_cookies=False).get(
        "/whose",
        headers={"Host": host, "Cookie": f"{sessions.COOKIE}={token.value}"},
        base_url="https://x",
    )
    assert answer.text == f"account:{town.alder.account.id}"


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Host", "Forwarded"])
def test_headers_of_proxies_say_nothing(
    app: Flask, database: Database, town: Town, header: str
) -> None:
    ada = signed_in(app, database, "alder.localhost", town.ada)
    answer = ada.get("/whose", headers={header: "cedar.localhost"})
    assert answer.text == f"account:{town.alder.account.id}"


def test_a_session_of_one_host_is_worth_nothing_at_another(
    app: Flask, database: Database, town: Town
) -> None:
    ada = signed_in(app, database, "alder.localhost", town.ada)
    cookie = ada.client.get_cookie(sessions.COOKIE, "alder.localhost")
    assert cookie is not None
    for host in ("cedar.localhost", "vic.localhost", "localhost"):
        thief = a_browser(app, host)
        thief.client.set_cookie(sessions.COOKIE, cookie.value, domain=host, secure=True)
        assert thief.get("/whose").status_code in (303, 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": None},
        {"X-CSRF-Token": "wrong"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://alder.localhost"},
        {"Origin": None},
        {"Origin": None, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_change_that_another_page_sends_is_refused(
    app: Flask, database: Database, town: Town, headers: dict[str, str | None]
) -> None:
    ada = signed_in(app, database, "alder.localhost", town.ada)
    assert ada.post("/change", headers=headers).status_code == 403
    assert ada.post("/change").status_code == 200


def test_a_key_names_its_tenant_and_a_host_may_not_contradict_it(
    app: Flask, database: Database, town: Town
) -> None:
    tenant = tenants.account(town.alder.account.id)
    new = NewApiKey(name="x", permissions=(Permission.SEE_JOBS,))
    with database.writing() as session:
        row, key = api_keys.create(session, tenant, new, TESTER)
    bearer = {"Authorization": f"Bearer {key}"}
    for host, status in (("alder.localhost", 200), ("localhost", 200), ("cedar.localhost", 421)):
        assert a_browser(app, host).get("/whose", headers=bearer).status_code == status
    with database.writing() as session:
        api_keys.revoke(session, tenant, row.id, TESTER)
    assert a_browser(app, "localhost").get("/whose", headers=bearer).status_code == 401


def test_a_key_works_only_from_its_networks(app: Flask, database: Database, town: Town) -> None:
    tenant = tenants.account(town.alder.account.id)
    for network, status in (("192.0.2.0/24", 401), ("127.0.0.0/8", 200)):
        new = NewApiKey(name="x", permissions=(Permission.SEE_JOBS,), networks=(network,))
        with database.writing() as session:
            _, key = api_keys.create(session, tenant, new, TESTER)
        browser = a_browser(app, "localhost")
        answer = browser.get("/whose", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status


def test_a_vendor_looks_into_an_account_only_under_its_grant(
    app: Flask, database: Database, town: Town
) -> None:
    vic = signed_in(app, database, "vic.localhost", town.vic)
    path = f"/accounts/{town.alder.account.id}/whose"
    assert vic.get(path).status_code == 403
    new = NewGrant(permissions=(Permission.SEE_JOBS,), hours=1, reason="a ticket")
    with database.writing() as session:
        grant = grants.create(session, town.alder.account.id, new, TESTER)
    assert vic.get(path).text == f"account:{town.alder.account.id}"
    again = signed_in(app, database, "vic.localhost", town.vic)
    assert [again.get(path).status_code for _ in range(3)] == [200] * 3
    with database.reading() as session:
        looks = audit.list_events(
            session, tenants.account(town.alder.account.id), event="grant.used"
        )
    assert [look.actor_id for look in looks.items] == [town.vic.id] * 2  # once for each session
    assert vic.get(f"/accounts/{town.cedar.account.id}/whose").status_code == 403
    assert vic.get("/accounts/01990000-0000-7000-8000-000000000000/whose").status_code == 404
    with database.writing() as session:
        grants.revoke(session, town.alder.account.id, grant.id, TESTER)
    assert vic.get(path).status_code == 403


def test_an_account_host_never_climbs_or_crosses(
    app: Flask, database: Database, town: Town
) -> None:
    ada = signed_in(app, database, "alder.localhost", town.ada)
    for account in (town.alder.account, town.cedar.account):
        assert ada.get(f"/accounts/{account.id}/whose").status_code == 404
    assert ada.get("/whose").status_code == 200


def test_every_answer_forbids_frames_inline_scripts_and_guessing(app: Flask) -> None:
    answer = app.test_client().get("/health/live", base_url="https://localhost")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
