"""Thirty payloads in every text field, in a real browser: they are text and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from pydantic import ValidationError
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import AccountChanges, LicenceExtension
from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue
from control_plane.roles import service as roles
from control_plane.roles.schemas import NewRole
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.users import service as users
from control_plane.users.schemas import NewUser
from shared.messages.records import QueueType
from tests.support.browser import DESK, watched_page
from tests.support.counts import count
from tests.support.houses import PASSWORD, TESTER
from tests.support.payloads import SCRIPTING
from tests.support.primary_site import Site, live_a_day, primary_site, send_titles

pytestmark = [pytest.mark.browser, pytest.mark.scaled]
LISTS = (
    "/", "/jobs", "/printers", "/printers/new", "/users", "/users/new", "/sites", "/queues",
    "/queues/new", "/roles", "/settings", "/audit", "/my", "/api-docs",
)  # fmt: skip


@dataclass
class Hostile:
    """Who and what has a payload for its name."""

    site: Site
    paths: list[str] = field(default_factory=list)
    refused: int = 0

    def fill(self) -> None:
        """Write every payload into every text field that takes text from people."""
        for n, payload in enumerate(SCRIPTING):
            with self.site.parts.database.writing() as session:
                for make in self._makers(session, n, payload):
                    self._try(make)
        send_titles(self.site, SCRIPTING)

    def _try(self, make: Callable[[], str]) -> None:
        try:
            path = make()
        except ValidationError:
            self.refused += 1  # What turns the direction of writing is no name at all.
        else:
            self.paths += [path] if path else []

    def _makers(self, session: Session, n: int, text: str) -> Iterator[Callable[[], str]]:
        account = self.site.town.alder.account
        it, tenant, vault = account.id, tenants.account(account.id), self.site.parts.vault

        def add(prefix: str, made: Any) -> str:
            return f"{prefix}/{made.id}" if prefix else ""

        yield lambda: add("", sites.create(session, it, NewSite(name=text), TESTER))
        yield lambda: add("", groups.create(session, it, NewGroup(name=text), TESTER))
        held = frozenset(Permission)
        role = NewRole.model_validate
        yield lambda: add(
            "",
            roles.create(
                session, tenant, role({"name": text, "permissions": ["jobs.see"]}), TESTER, may=held
            ),
        )
        grant = NewGrant.model_validate
        yield lambda: add(
            "",
            grants.create(
                session,
                it,
                grant({"reason": text, "permissions": ["jobs.see"], "hours": 1}),
                TESTER,
            ),
        )
        uri = "ipp://192.0.2.7/ipp/print"
        yield lambda: add(
            "/printers",
            printers.create(session, it, NewPrinter(name=text, location=text, uri=uri), TESTER),
        )
        path, pull = f"hostile-{n}", QueueType.PULL
        yield lambda: add(
            "/queues",
            queues.create(session, it, NewQueue(name=text, path=path, type=pull), TESTER),
        )
        yield lambda: add(
            "/gateways",
            gateways.create(session, tenant, NewGateway(name=text), TESTER, vault=vault),
        )
        yield lambda: add(
            "/users",
            users.create(
                session, tenant, NewUser(username=f"x{n} {text}", display_name=text), TESTER,
                vault=vault,
            ),
        )  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    state: Path = tmp_path_factory.mktemp("hostile")
    with primary_site(state) as site:
        live_a_day(site)
        account = site.town.alder.account
        many = LicenceExtension(devices=1_000, expires_at=utc_now() + timedelta(days=90))
        with site.parts.database.writing() as session:
            accounts.extend_licence(session, account.vendor_id, account.id, many, TESTER)
            accounts.update(session, account.id, AccountChanges(name=SCRIPTING[0]), TESTER)
        made = Hostile(site)
        made.fill()
        yield made


@pytest.mark.timeout(600)
def test_thirty_payloads_in_every_text_field_are_text_on_every_page(
    browser: Browser, hostile: Hostile, proof: Callable[[str], None]
) -> None:
    assert hostile.refused == 8
    step = count(8, 1)
    options: Any = {"viewport": DESK, "ignore_https_errors": True, "locale": "en-GB"}
    with watched_page(browser, **options) as (page, trouble):
        page.goto(hostile.site.url("alder", "/sign-in"))
        page.locator("#username").fill("ada")
        page.locator("#password").fill(PASSWORD)
        page.locator("form button").click()
        page.wait_for_url("**/")
        shown = [*LISTS, *hostile.paths[::step]]
        for path in shown:
            page.goto(hostile.site.url("alder", path))
            assert page.locator("main script, main iframe, main base").count() == 0, path
            assert trouble.found() == [], path
        page.goto(hostile.site.url("alder", "/sites"))
        assert SCRIPTING[0] in page.locator("main").inner_text()
    proof(f"{len(SCRIPTING)} payloads in 11 fields, {len(shown)} pages, nothing ran")
