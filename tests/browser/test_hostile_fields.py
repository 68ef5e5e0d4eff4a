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
from control_plane.accounts.schemas import AccountChanges, LicenceExtension, NewAccount
from control_plane.database import utc_now
from control_plane.domains import service as domains
from control_plane.domains.schemas import DomainChanges, NewDomain
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue, QueueChanges
from control_plane.readers import service as readers
from control_plane.readers.schemas import NewReader
from control_plane.roles import service as roles
from control_plane.roles.schemas import NewRole
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.terminals import service as terminals
from control_plane.tokens import service as tokens
from control_plane.tokens.schemas import NewPrintToken
from control_plane.users import service as users
from control_plane.users.schemas import NewUser
from shared.ids import TerminalId, new_id
from shared.messages.events import TerminalPaired
from shared.messages.records import QueueType
from tests.support.browser import DESK, watched_page
from tests.support.counts import count
from tests.support.day import live_a_day, send_titles
from tests.support.houses import PASSWORD, TESTER
from tests.support.payloads import SCRIPTING
from tests.support.primary_site import Site, primary_site

pytestmark = [pytest.mark.browser, pytest.mark.scaled]
LISTS = (
    "/", "/jobs", "/printers", "/printers/new", "/users", "/users/new", "/sites", "/queues",
    "/queues/new", "/roles", "/settings", "/audit", "/my", "/api-docs", "/api-keys", "/groups", "/readers",
    "/terminals", "/domains", "/me",
)  # fmt: skip
OF_VENDOR = ("/accounts", "/accounts/new", "/domains", "/users", "/roles", "/audit", "/me")


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
        yield lambda: add("/groups", groups.create(session, it, NewGroup(name=text), TESTER))
        yield from self._more_makers(session, n, text)
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

    def _more_makers(self, session: Session, n: int, text: str) -> Iterator[Callable[[], str]]:
        town = self.site.town
        it, ben = town.alder.account.id, f"/users/{town.ben.id}"
        tenant = tenants.account(it)

        def reader() -> str:
            new = NewReader.model_validate(
                {"name": text, "gateway_id": town.alder.gateway.id, "address": "192.0.2.8",
                 "printer_id": town.alder.printer.id, "port": 7100 + n}
            )  # fmt: skip
            readers.create(session, it, new, TESTER)
            return ""

        def terminal() -> str:
            told = TerminalPaired(
                TerminalId(new_id()), it, new_id(), town.alder.printer.id, None, text, utc_now()
            )
            terminals.on_paired(session, town.alder.gateway.id, [told])
            return ""

        def token() -> str:
            new = NewPrintToken(user_id=town.ben.id, name=text)
            tokens.create(session, it, new, TESTER)
            return ben if n == 0 else ""

        def key() -> str:
            new = NewApiKey(name=text, permissions=(Permission.SEE_JOBS,))
            api_keys.create(session, tenant, new, TESTER)
            return ""

        def domain() -> str:
            new = NewDomain(name=f"h{n}.example", brand_name=text)
            return f"/domains/{domains.create(session, tenant, new, TESTER).id}"

        def account() -> str:
            new = NewAccount(name=text, short_name=f"hostile-{n}")
            accounts.create(session, town.vendor.id, new, TESTER, vault=self.site.parts.vault)
            return ""

        yield from (reader, terminal, token, key, domain, account)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    state: Path = tmp_path_factory.mktemp("hostile")
    with primary_site(state) as site:
        live_a_day(site)
        account = site.town.alder.account
        many = LicenceExtension(devices=1_000, expires_at=utc_now() + timedelta(days=90))
        with site.parts.database.writing() as session:
            accounts.extend_licence(session, account.vendor_id, account.id, many, TESTER)
            accounts.update(
                session,
                account.id,
                AccountChanges(name=SCRIPTING[0]),
                TESTER,
                vault=site.parts.vault,
            )
            tenant = tenants.account(account.id)
            [own] = domains.list_domains(session, tenant)
            body = DomainChanges(brand_name=SCRIPTING[0])
            domains.update(session, tenant, own.id, body, TESTER)
        made = Hostile(site)
        made.fill()
        _let_serve_and_open(site)
        yield made


def _let_serve_and_open(site: Site) -> None:
    """A vendor's gateway with a payload for its name serves Alder; groups of that kind open Pull."""
    town, vault = site.town, site.parts.vault
    it, vendor = town.alder.account.id, tenants.vendor(town.vendor.id)
    with site.parts.database.writing() as session:
        new = NewGateway(name=SCRIPTING[0])
        gateway = gateways.create(session, vendor, new, TESTER, vault=vault)
        gateways.serve(session, gateway, it, TESTER, vault=vault)
        named = tuple(group.id for group in groups.list_groups(session, it).items)
        queues.update(session, it, town.alder.pull.id, QueueChanges(group_ids=named), TESTER)


@pytest.mark.timeout(600)
def test_thirty_payloads_in_every_text_field_are_text_on_every_page(
    browser: Browser, hostile: Hostile, proof: Callable[[str], None]
) -> None:
    assert hostile.refused == 13
    step = count(8, 1)
    options: Any = {"viewport": DESK, "ignore_https_errors": True, "locale": "en-GB"}
    with watched_page(browser, **options) as (page, trouble):
        alder = hostile.site.town.alder
        shown = [*LISTS, f"/queues/{alder.pull.id}", *hostile.paths[::step]]
        of_vendor = [*OF_VENDOR, f"/customers/{alder.account.id}"]
        for house, username, paths in (("vic", "vic", of_vendor), ("alder", "ada", shown)):
            page.goto(hostile.site.url(house, "/sign-in"))
            page.locator("#username").fill(username)
            page.locator("#password").fill(PASSWORD)
            page.locator("form button").click()
            page.wait_for_selector("#main h1")
            for path in paths:
                page.goto(hostile.site.url(house, path))
                assert page.locator("main script, main iframe, main base").count() == 0, path
                assert trouble.found() == [], path
        page.goto(hostile.site.url("alder", "/sites"))
        assert SCRIPTING[0] in page.locator("main").inner_text()
    proof(
        f"{len(SCRIPTING)} payloads in 17 fields, {len(shown) + len(of_vendor)} pages, nothing ran"
    )
