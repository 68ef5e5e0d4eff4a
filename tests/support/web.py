"""A browser and a program at the primary's web application, without a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from control_plane import settings, tenants
from control_plane.app import PAGES, create_app
from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.domains import service as domains
from control_plane.domains.schemas import NewDomain
from control_plane.pki.keys import KeyRing
from control_plane.request import Parts
from control_plane.security import api_keys, sessions
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.security.rates import Rates
from control_plane.tenants import Tenant
from control_plane.users.models import User
from control_plane.vault import Vault
from tests.support.houses import House, Town

TESTER = Actor("cli", name="a test")


def an_app(
    state: Path,
    database: Database,
    vault: Vault,
    *,
    pages: Sequence[str] = PAGES,
    rates: Rates | None = None,
    trusted_proxies: Sequence[str] = (),
) -> Flask:
    parts = Parts(
        settings=settings.load(state, {"trusted_proxies": trusted_proxies}),
        database=database,
        vault=vault,
        keys=KeyRing.open_or_create(state / "keys"),
        broker_address=lambda: ("127.0.0.1", 8883),
        rates=rates or Rates(burst=math.inf),  # A test asks faster than any program should.
    )
    app = create_app(parts.settings, parts, pages=pages)
    app.testing = False  # Errors become answers, as in production.
    return app


def a_program(
    app: Flask, database: Database, house: House, role: str = "administrator"
) -> Callable[..., TestResponse]:
    """Ask the API as a program of a house, with a key that may do what the role may."""
    new = NewApiKey(name="a program", permissions=tuple(ACCOUNT_ROLES[role]))
    with database.writing() as session:
        key = api_keys.create(session, tenants.account(house.account.id), new, TESTER)[1]
    client = app.test_client(use_cookies=False)

    def ask(method: str, path: str, body: Any = None) -> TestResponse:
        return client.open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            base_url="https://localhost",
        )

    return ask


def a_domain(database: Database, tenant: Tenant, name: str) -> None:
    with database.writing() as session:
        domain = domains.create(session, tenant, NewDomain(name=name), TESTER)
        domains.verify(session, tenant, domain.id, TESTER, verified_by="installation")


def give_domains(database: Database, town: Town) -> None:
    a_domain(database, tenants.vendor(town.vendor.id), "vic.localhost")
    a_domain(database, tenants.account(town.alder.account.id), "alder.localhost")
    a_domain(database, tenants.account(town.cedar.account.id), "cedar.localhost")


@dataclass
class Browser:
    """Somebody's browser at one host; signed in where ``user`` is given."""

    client: FlaskClient
    host: str
    csrf: str = ""

    def request(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = {"Origin": f"https://{self.host}", "X-CSRF-Token": self.csrf}
        headers |= more.pop("headers", {})
        kept = {name: value for name, value in headers.items() if value is not None}
        return self.client.open(
            path, method=method, base_url=f"https://{self.host}", headers=kept, **more
        )

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        return self.request("POST", path, **more)


def a_browser(app: Flask, host: str) -> Browser:
    return Browser(app.test_client(), host)


def signed_in(app: Flask, database: Database, host: str, user: User) -> Browser:
    """A browser with a session, as the sign-in would have left it."""
    tenant = tenants.from_text(user.tenant)
    with database.writing() as session:
        row, token = sessions.create(
            session, tenant, user.id, address="127.0.0.1", user_agent="a test"
        )
    browser = a_browser(app, host)
    browser.client.set_cookie(sessions.COOKIE, token, domain=host, secure=True)
    browser.csrf = row.csrf_token
    return browser
