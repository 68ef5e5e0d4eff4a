"""Every route of the API, as every role, about one's own and about everybody else's things."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from control_plane import schema
from control_plane.database import sqlite_url
from control_plane.models import Base
from control_plane.rest.api import RESTS
from control_plane.rest.routing import PREFIX, Operation
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES
from control_plane.security.routes import public_routes
from control_plane.vault import Vault
from tests.support.postgresql import PostgreSql
from tests.support.web import an_app
from tests.support.worlds import Holding, UndoneDatabase, a_world, bodies

OPERATIONS = [operation for rest in RESTS for operation in rest.operations]
OF_VENDORS = re.compile(r"/(vendors?|accounts)(/|$)")
OF_BOTH = re.compile(
    r"/(me|api-keys|domains|users|user-imports|user-import-files|roles|gateways|commands|audit)(/|$)"
)
# Allowed, and refused by the world as it is; test_domains, test_requests and test_closing show
# where it works.
ELSEWHERE = {
    "/accounts/<below_id>/reopen": (409,),
    "/accounts/<below_id>/deletion": (404, 409),
    "/accounts/<below_id>/domains/<domain_id>/verify": (409,),
    "/jobs/<job_id>/reassign": (409,),
    "/printers/<printer_id>/identify": (409,),
    "/printers/<printer_id>/diagnose": (409,),
    "/gateways/<gateway_id>/diagnose": (409,),
    "/gateways/<gateway_id>/rehearsal": (409,),
    "/gateways/<gateway_id>/rehearsal/end": (409,),
    "/gateways/<gateway_id>/parked/retry": (409,),
    "/gateways/<gateway_id>/parked/give-up": (409,),
    "/gateways/<gateway_id>/halt/resolve": (409,),
    "/jobs/uploads": (409,),
    # Two files are worked on at once, by threads that end in their own time.
    "/user-import-files": (429,),
    "/user-import-files/<import_id>/start": (429,),
}
World = Mapping[str, Holding]
pytestmark = pytest.mark.timeout(900)  # thousands of requests; a busy machine takes its time


class Town:
    """The world and the application that shows it."""

    def __init__(self, app: Flask, database: UndoneDatabase, world: World) -> None:
        self.client = app.test_client(use_cookies=False)
        self.app, self.database, self.world = app, database, world
        self.counts: Counter[str] = Counter()

    def ask(
        self,
        operation: Operation,
        key: str | None,
        about: Holding,
        *,
        host: str = "localhost",
        body: Any = None,
    ) -> TestResponse:
        path = re.sub(r"<(\w+)>", lambda m: about.things.get(m[1], "x"), operation.path)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if operation.body is not None and body is None:
            body = bodies(about).get(operation.body.__name__, {})
        return self.client.open(
            PREFIX + path,
            method=operation.method,
            base_url=f"https://{host}",
            headers=headers,
            json=body,
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSql
) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    url = sqlite_url(folder / "x.db") if request.param == "sqlite" else postgresql.new_database()
    database = UndoneDatabase(url)
    schema.migrate(database)
    vault = Vault(b"k" * 32)
    world = a_world(database, vault)
    app = an_app(folder, database, vault, pages=())
    database.undoes = True
    yield Town(app, database, world)
    database.close()


def fits(operation: Operation, holding: Holding) -> bool:
    """Whether such a tenant has such things at all."""
    if OF_BOTH.match(operation.path) and "served_id" not in operation.path:
        return True
    return bool(OF_VENDORS.match(operation.path)) == (holding.tenant.vendor_id is not None)


def may(operation: Operation, holding: Holding, role: str) -> bool:
    roles = ACCOUNT_ROLES if holding.tenant.account_id else VENDOR_ROLES
    return set(operation.needs) <= roles[role]


def foreign_marks(town: Town, holding: Holding, text: str) -> list[str]:
    """Whose marks stand in an answer that has no business there."""
    allowed = {holding.name}
    if holding.tenant.vendor_id:  # A vendor knows its accounts and the vendors under it.
        allowed |= {each.name for each in town.world.values() if each.parent == holding.name}
    found = set(re.findall(r"mark-(\w+)", text))
    return sorted(found - allowed)


def is_about_one(operation: Operation) -> bool:
    return "<" in operation.path


def test_everybody_does_with_their_own_things_what_their_role_says_and_no_more(town: Town) -> None:
    wrong: list[str] = []
    cases = 0
    for holding in town.world.values():
        below = _things_below(town, holding)
        for role, key in holding.keys.items():
            for operation in OPERATIONS:
                is_own = fits(operation, holding) and not OF_VENDORS.match(operation.path)
                answer = town.ask(operation, key, holding if is_own else below, host=holding.host)
                cases += 1
                should = may(operation, holding, role) and fits(operation, holding)
                fine = answer.status_code < 300 if should else answer.status_code in (403, 404)
                fine |= should and answer.status_code in ELSEWHERE.get(operation.path, ())
                marks = foreign_marks(town, holding, answer.text)
                if not fine or marks:
                    wrong.append(told(holding, role, operation, answer, marks))
    assert "\n".join(wrong) == ""
    assert cases > 2000
    print(f"{cases} cases about one's own things")


def told(
    holding: Holding, role: str, operation: Operation, answer: TestResponse, marks: list[str]
) -> str:
    asked = f"{holding.name} as {role}: {operation.method} {operation.path}"
    return f"{asked}: {answer.status_code} {marks} {answer.text[:150]}"


def _things_below(town: Town, holding: Holding) -> Holding:
    """For a vendor, one of its accounts."""
    return next((each for each in town.world.values() if each.parent == holding.name
                 and each.tenant.account_id), holding)  # fmt: skip


def test_nobody_reaches_what_belongs_to_somebody_else(town: Town) -> None:
    wrong: list[str] = []
    cases = 0
    for holding in town.world.values():
        for other in town.world.values():
            if other is holding:
                continue
            for operation in filter(is_about_one, OPERATIONS):
                if OF_VENDORS.match(operation.path) and other.parent == holding.name:
                    continue  # Its own account: the twin, above.
                for role in ("owner", "user"):
                    answer = town.ask(operation, holding.keys[role], other)
                    cases += 1
                    # 404 where the role would do: nobody learns that it exists.
                    fine = answer.status_code == (404 if may(operation, holding, role) else 403)
                    marks = foreign_marks(town, holding, answer.text)
                    if not fine or marks:
                        wrong.append(told(holding, role, operation, answer, marks) + other.name)
    assert "\n".join(wrong) == ""
    assert cases > 2000
    print(f"{cases} cases about other people's things")


def test_no_body_brings_in_what_belongs_to_somebody_else(town: Town) -> None:
    wrong: list[str] = []
    alder, twins = town.world["alder"], 0
    for other_name in ("cedar", "elm", "dogwood"):
        other = town.world[other_name]
        for operation in OPERATIONS:
            if operation.method != "POST" or operation.body is None or not fits(operation, alder):
                continue
            own = bodies(alder)[operation.body.__name__]
            foreign = bodies(other)[operation.body.__name__]
            for name in own:
                if not name.endswith(("_id", "_ids")) or own[name] == foreign[name]:
                    continue  # It names nothing that is anybody's.
                mixed = {**own, name: foreign[name]}
                answer = town.ask(operation, alder.keys["owner"], alder, body=mixed)
                twin = town.ask(operation, alder.keys["owner"], alder, body=own)
                twins += twin.status_code == 201
                if answer.status_code != 422 or f'"field": "{name}"' not in answer.text:
                    wrong.append(f"{operation.path} {name} {answer.status_code} {answer.text}")
    assert "\n".join(wrong) == ""
    assert twins >= 30


def test_nothing_is_served_without_a_credential(town: Town) -> None:
    alder = town.world["alder"]
    refused = [
        (operation.path, answer.status_code)
        for operation in OPERATIONS
        if (answer := town.ask(operation, None, alder, host=alder.host)).status_code
        not in (401, 403)
    ]
    assert refused == []


def test_a_key_at_somebody_elses_host_is_misdirected(town: Town) -> None:
    alder = town.world["alder"]
    for other in town.world.values():
        for operation in OPERATIONS[::7]:
            answer = town.ask(operation, alder.keys["owner"], alder, host=other.host)
            assert (answer.status_code == 421) == (other is not alder)


def test_getting_changes_nothing(town: Town) -> None:
    def dump() -> dict[str, list[Any]]:
        with town.database.reading() as session:
            return {
                name: sorted(map(str, session.execute(select(table)).all()))
                for name, table in Base.metadata.tables.items()
            }

    before = dump()
    town.database.undoes = False
    try:
        for operation in OPERATIONS:
            if operation.method == "GET":
                for holding in town.world.values():
                    town.ask(operation, holding.keys["owner"], holding)
    finally:
        town.database.undoes = True
    assert dump() == before


def test_every_route_says_what_it_needs_or_is_on_the_public_list(town: Town) -> None:
    from control_plane.security.routes import needs_of  # noqa: PLC0415

    silent = [
        rule.endpoint
        for rule in town.app.url_map.iter_rules()
        if rule.endpoint not in public_routes()
        and needs_of(town.app.view_functions[rule.endpoint]) is None
    ]
    assert silent == []
