"""What proxies say is believed from their networks alone; from others it is a stranger's word."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from control_plane import request as current
from control_plane import tenants
from control_plane.database import Database
from control_plane.security import api_keys, sessions
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.security.proxies import caller_of, read_address
from control_plane.security.routes import requires
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import an_app, give_domains, signed_in

PROXY, STRANGER, PERSON = "10.9.0.1", "198.51.100.66", "192.0.2.50"
NETWORKS = [ipaddress.ip_network(n) for n in ("10.9.0.0/24", "2001:db8:9::/48")]


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        ("", PROXY),
        (PERSON, PERSON),
        (f"{PERSON}:4711", PERSON),
        ("[2001:db8::5]:4711", "2001:db8::5"),
        ("2001:db8::5", "2001:db8::5"),
        (f"::ffff:{PERSON}", PERSON),
        # What the caller itself sent stands left of what our proxy wrote.
        (f"127.0.0.1, {PERSON}", PERSON),
        (f"10.9.0.7, {PERSON}, 10.9.0.2", PERSON),
        (f"{PERSON}, 2001:db8:9::1, 10.9.0.2", PERSON),
        (f"{PERSON}, nonsense", PROXY),
        (f"{PERSON}, nonsense, 10.9.0.2", "10.9.0.2"),
        (",,,", PROXY),
        ("unknown", PROXY),
        ("10.9.0.3", "10.9.0.3"),
    ],
)
def test_the_first_who_is_no_proxy_of_ours_is_the_caller(forwarded: str, caller: str) -> None:
    peer = read_address(PROXY)
    assert peer is not None
    assert str(caller_of(forwarded, peer, NETWORKS)) == caller


class House:
    """An application behind a proxy, and what it takes a request for."""

    def __init__(self, app: Flask, headers: dict[str, str]) -> None:
        self.client, self.headers = app.test_client(use_cookies=False), headers

    def see(self, peer: str, host: str = "alder.localhost", **said: str) -> TestResponse:
        """Ask from an address; ``x_for`` and the like are what somebody said of it."""
        named = {f"X-Forwarded-{name[2:].title()}": value for name, value in said.items()}
        return self.client.get(
            "/seen",
            base_url="https://x",
            headers={"Host": host, **self.headers, **named},
            environ_overrides={"REMOTE_ADDR": peer},
        )

    def told(self, peer: str, host: str = "alder.localhost", **said: str) -> dict[str, Any]:
        answer = self.see(peer, host, **said)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def app(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Flask:
    app = an_app(tmp_path, database, vault, pages=(), trusted_proxies=["10.9.0.0/24"])
    give_domains(database, town)

    @app.get("/seen")
    @requires()
    def seen() -> dict[str, Any]:
        kept = [name for name, _ in request.headers if "forwarded" in name.lower()]
        tenant = str(current.caller().tenant)
        return {"from": request.remote_addr, "whose": tenant, "kept": kept}

    return app


@pytest.fixture
def ada(app: Flask, database: Database, town: Town) -> House:
    cookie = signed_in(app, database, "alder.localhost", town.ada).client.get_cookie(
        sessions.COOKIE, "alder.localhost"
    )
    assert cookie is not None
    return House(app, {"Cookie": f"{sessions.COOKIE}={cookie.value}"})


def test_a_proxy_says_who_came_and_a_stranger_does_not(ada: House) -> None:
    assert ada.told(PROXY, x_for=PERSON)["from"] == PERSON
    assert ada.told(STRANGER, x_for=PERSON)["from"] == STRANGER
    assert ada.told(STRANGER, x_for="10.9.0.1")["from"] == STRANGER
    for peer in (PROXY, STRANGER):
        assert ada.told(peer, x_for=PERSON)["kept"] == []


def test_a_proxy_says_which_host_and_a_stranger_does_not(ada: House, town: Town) -> None:
    alder = f"account:{town.alder.account.id}"
    assert ada.told(PROXY, "inner.lan", x_host="alder.localhost")["whose"] == alder
    refused = ada.see(STRANGER, "inner.lan", x_host="alder.localhost")
    assert (refused.status_code, "Alder" in refused.text) == (421, False)
    assert ada.told(STRANGER, x_host="cedar.localhost")["whose"] == alder


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("cedar.localhost", 401),  # another's host: a cookie of Alder's is nothing there
        ("evil.example", 421),
        ("alder.localhost.", 421),
        ("alder.localhost@evil.example", 421),
        ("alder.localhost, evil.example", 421),  # the nearest proxy's word counts
        ("evil.example, alder.localhost", 200),
        ("ALDER.localhost:9999", 200),
        ("xn--lder-0na.localhost", 421),
    ],
)
def test_a_host_that_a_proxy_names_is_looked_at_like_any_other(
    ada: House, host: str, status: int
) -> None:
    answer = ada.see(PROXY, "inner.lan", x_host=host)
    assert answer.status_code in ({303, 401} if status == 401 else {status})
    assert status == 200 or "Alder" not in answer.text


def test_what_came_in_the_clear_is_refused_by_a_proxys_word_alone(ada: House) -> None:
    assert ada.see(PROXY, x_proto="http").status_code == 403
    assert ada.see(PROXY, x_proto="https, http").status_code == 403
    assert ada.see(PROXY, x_proto="https").status_code == 200
    assert ada.see(STRANGER, x_proto="http").status_code == 200


def test_a_keys_networks_are_about_the_caller_and_not_the_proxy(
    app: Flask, database: Database, town: Town
) -> None:
    new = NewApiKey(name="x", permissions=(Permission.SEE_JOBS,), networks=("192.0.2.0/24",))
    with database.writing() as session:
        tenant = tenants.account(town.alder.account.id)
        _, key = api_keys.create(session, tenant, new, TESTER)
    program = House(app, {"Authorization": f"Bearer {key}"})
    assert program.see(PROXY, x_for=PERSON).status_code == 200
    assert program.see(PROXY, x_for=STRANGER).status_code == 401
    assert program.see(PROXY, x_for=f"{PERSON}, {STRANGER}").status_code == 401
    assert program.see(STRANGER, x_for=PERSON).status_code == 401


def test_without_a_setting_nobody_is_believed(
    tmp_path: Path, database: Database, vault: Vault
) -> None:
    app = an_app(tmp_path, database, vault, pages=())
    seen: dict[str, Any] = {}

    @app.before_request
    def look() -> None:
        seen.update({"from": request.remote_addr, "host": request.host})

    app.test_client().get(
        "/health/live",
        base_url="https://localhost",
        headers={"X-Forwarded-For": PERSON, "X-Forwarded-Host": "evil.example"},
    )
    assert seen == {"from": "127.0.0.1", "host": "localhost"}
