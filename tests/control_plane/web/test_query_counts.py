"""A page asks the database as often with ten thousand rows of everything as with a hundred."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from control_plane import schema
from control_plane.accounts.models import Account
from control_plane.audit.models import AuditEvent
from control_plane.cards.models import Card
from control_plane.database import Base, Database, sqlite_url
from control_plane.gateways.models import Gateway, GatewayAccount
from control_plane.groups.models import Group
from control_plane.jobs.models import Job, JobEvent
from control_plane.printers.models import Printer
from control_plane.queues.models import Queue
from control_plane.roles.models import UserRole
from control_plane.security.routes import public_routes
from control_plane.sites.models import Site
from control_plane.tokens.models import PrintToken
from control_plane.users.models import User
from control_plane.vault import Vault
from control_plane.vendors.models import Vendor
from tests.support.crowds import multiply, nth
from tests.support.web import Browser, an_app, signed_in
from tests.support.worlds import Holding, a_world

FEW, MANY = 100, 10_000
NAMED = {"id": nth("t.id"), "name": "t.name || n"}
# Which row is copied (by the name of the path's parameter), and what differs in the copies.
OF_ACCOUNTS: dict[type[Base], tuple[str, str, dict[str, str]]] = {
    Site: ("t.id = :it", "site_id", NAMED),
    Group: ("t.id = :it", "group_id", NAMED),
    Printer: ("t.id = :it", "printer_id", NAMED),
    Queue: ("t.id = :it", "queue_id", {**NAMED, "path": "t.path || n", "raw_port": "NULL"}),
    Gateway: ("t.id = :it", "gateway_id", NAMED),
    GatewayAccount: ("t.gateway_id = :it", "gateway_id", {"gateway_id": nth("t.gateway_id")}),
    User: ("t.id = :it", "user_id", {"id": nth("t.id"), "username": "t.username || n"}),
    UserRole: ("t.user_id = :it", "user_id", {"user_id": nth("t.user_id")}),
    Card: ("t.id = :it", "card_id", {"id": nth("t.id"), "card_hash": "t.card_hash || n"}),
    PrintToken: ("t.id = :it", "token_id", {"id": nth("t.id"), "token_hash": "t.token_hash || n"}),
    Job: ("t.id = :it", "job_id", {"id": nth("t.id"), "number": "t.number + n"}),
    JobEvent: ("t.job_id = :it", "job_id", {"job_id": nth("t.job_id")}),
}


class Counted:
    """The pages of a world that grows, and how many questions each of them asks."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(sqlite_url(folder / "x.db"))
        schema.migrate(self.database)
        vault = Vault(b"k" * 32)
        self.world = a_world(self.database, vault)
        # Vic looks at Alder's page, too.
        self.world["vic"].things["below_id"] = self.world["alder"].tenant.id
        self.app: Flask = an_app(folder, self.database, vault)

    def grow(self, first: int, last: int) -> None:
        alder, vic = self.world["alder"], self.world["vic"]
        with self.database.writing() as session:
            for model, (where, thing, values) in OF_ACCOUNTS.items():
                it = alder.things[thing]
                multiply(session, model, where, first=first, last=last, values=values, it=it)
            alike = {"id": nth("t.id"), "name": "t.name || n", "short_name": "t.short_name || n"}
            multiply(
                session, Account, "t.id = :it", first=first, last=last, values=alike,
                it=alder.tenant.id,
            )  # fmt: skip
            for model, it in (
                (Gateway, vic.things["gateway_id"]),
                (Vendor, vic.things["child_id"]),
            ):
                multiply(session, model, "t.id = :it", first=first, last=last, values=NAMED, it=it)
            for tenant in (alder.tenant, vic.tenant):
                multiply(
                    session, AuditEvent, "t.tenant = :tenant AND t.seq = 1", first=first, last=last,
                    values={"id": nth("t.id"), "seq": "t.seq + 1000 + n"}, tenant=str(tenant),
                )  # fmt: skip

    def questions(self, browser: Browser, holding: Holding) -> dict[str, int]:
        """Count the questions of every page and list that answers."""
        found = {}
        for rule in self.app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint in public_routes():
                continue
            if rule.rule.endswith("/export.csv"):
                continue  # The whole list, a thousand rows at a time: test_lists.py.
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: holding.things.get(m[1], "x"), rule.rule)
            seen: list[str] = []

            def note(*given: object, seen: list[str] = seen) -> None:
                seen.append(str(given[2]))

            event.listen(self.database.engine, "before_cursor_execute", note)
            try:
                answer = browser.get(path)
            finally:
                event.remove(self.database.engine, "before_cursor_execute", note)
            if answer.status_code == 200:
                found[rule.rule] = len([said for said in seen if not said.startswith("PRAGMA")])
        return found


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counted]:
    counted = Counted(tmp_path_factory.mktemp("counted"))
    yield counted
    counted.database.close()


@pytest.mark.timeout(600)
def test_no_page_and_no_list_asks_more_questions_because_there_are_more_rows(
    counted: Counted,
) -> None:
    houses = [counted.world["alder"], counted.world["vic"]]
    browsers = {}
    for holding in houses:
        assert holding.owner is not None
        browsers[holding.name] = signed_in(
            counted.app, counted.database, holding.host, holding.owner
        )
    counted.grow(1, FEW)
    few = {h.name: counted.questions(browsers[h.name], h) for h in houses}
    counted.grow(FEW + 1, MANY)
    many = {h.name: counted.questions(browsers[h.name], h) for h in houses}
    grown = {
        f"{name} {rule}": (few[name].get(rule), count)
        for name in many
        for rule, count in many[name].items()
        if few[name].get(rule) != count
    }
    assert grown == {}
    assert few.keys() == many.keys()
    assert sum(map(len, many.values())) > 60
    assert {"/customers/<below_id>", "/vendors", "/vendors/<child_id>", "/gateways"} <= many[
        "vic"
    ].keys()
    assert "/settings/card-key" in many["alder"]
