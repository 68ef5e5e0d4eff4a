from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.audit import export as audit_export
from control_plane.audit.models import AuditEvent
from control_plane.cards.models import Card
from control_plane.database import Database
from control_plane.feed.models import FeedRow
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.rest import api
from control_plane.security import api_keys, idempotency
from control_plane.security.api_keys import NewApiKey
from control_plane.security.models import IdempotencyKey
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES
from control_plane.sites.models import Site
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from tests.support.houses import TESTER, Town
from tests.support.web import an_app, give_domains, signed_in

Ask = Callable[..., Any]


@pytest.fixture
def app(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Flask:
    give_domains(database, town)
    return an_app(tmp_path, database, vault, pages=())


@pytest.fixture
def key(database: Database, town: Town) -> str:
    new = NewApiKey(name="x", permissions=tuple(ACCOUNT_ROLES["administrator"]))
    with database.writing() as session:
        return api_keys.create(session, tenants.account(town.alder.account.id), new, TESTER)[1]


@pytest.fixture
def ask(app: Flask, key: str) -> Ask:
    """Ask as a program of Alder's."""
    client = app.test_client(use_cookies=False)

    def asked(method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {key}"
        return client.open(
            f"/api/v1{path}", method=method, json=body, headers=sent, base_url="https://localhost"
        )

    return asked


def test_a_thing_is_made_shown_changed_and_removed(ask: Ask) -> None:
    made = ask("POST", "/sites", {"name": "Head office", "networks": ["10.1.4.7/24"]})
    assert made.status_code == 201
    path = f"/sites/{made.json['id']}"
    assert made.json["networks"] == ["10.1.4.0/24"]
    assert ask("PATCH", path, {"name": "Quay"}).json["name"] == "Quay"
    assert [site["name"] for site in ask("GET", "/sites").json["items"]] == ["Quay"]
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404


def test_of_two_who_change_the_same_one_is_told(ask: Ask) -> None:
    made = ask("POST", "/sites", {"name": "Head office"})
    path, seen = f"/sites/{made.json['id']}", made.headers["ETag"]
    assert ask("PATCH", path, {"name": "Quay"}, If_Match=seen).status_code == 200
    late = ask("PATCH", path, {"name": "Pier"}, If_Match=seen)
    assert late.status_code == 412
    assert late.mimetype == "application/problem+json"
    assert ask("GET", path).json["name"] == "Quay"


def test_a_post_that_is_repeated_does_nothing_again(ask: Ask, database: Database) -> None:
    first = ask("POST", "/sites", {"name": "Quay"}, Idempotency_Key="k1")
    again = ask("POST", "/sites", {"name": "Quay"}, Idempotency_Key="k1")
    assert (again.status_code, again.json) == (first.status_code, first.json)
    other = ask("POST", "/sites", {"name": "Pier"}, Idempotency_Key="k1")
    assert other.status_code == 409
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Site)) == 1
        kept = session.scalars(select(IdempotencyKey)).one()
    # By a key that is not in the database: nobody learns of a body by trying bodies.
    sent = b'POST /api/v1/sites?\n{"name": "Quay"}'
    assert kept.request_hash == idempotency.mark_of(Vault(b"k" * 32), sent)
    assert kept.request_hash != idempotency.mark_of(Vault(b"x" * 32), sent)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/sites", {"name": ""}, "name"),
        ("/sites", {"name": "a\nb"}, "name"),
        ("/sites", {"name": "a\u202eb"}, "name"),
        ("/sites", {"name": "x", "networks": ["10.0.0.0/99"]}, "networks.0"),
        ("/sites", {"name": "x", "colour": "red"}, "colour"),
        ("/users", {"username": "x", "password": "short"}, "password"),
        ("/users", {"username": "x", "roles": ["king"]}, "roles"),
        ("/users", {"username": "ADA"}, "username"),
        ("/printers", {"name": "x", "uri": "http://192.0.2.1"}, "uri"),
        ("/printers", {"name": "x", "uri": "ipp://169.254.169.254/"}, "uri"),
        ("/printers", {"name": "x", "uri": "ipp://2130706433/"}, "uri"),
        ("/printers", {"name": "x", "uri": "ipp://0x7f.1/"}, "uri"),
        ("/printers", {"name": "x", "uri": "ipp://[::ffff:127.0.0.1]/"}, "uri"),
        ("/printers", {"name": "x", "uri": "ipp://user:pw@host/"}, "uri"),
        ("/printers", {"name": "x", "uri": "ipp://host/\nX: y"}, "uri"),
        ("/queues", {"name": "x", "path": "../x", "type": "pull"}, "path"),
        ("/cards", {"user_id": "x", "number": "04A224B2C35E80"}, "user_id"),
    ],
)
def test_what_cannot_be_used_is_named(
    ask: Ask, path: str, body: dict[str, Any], field: str
) -> None:
    answer = ask("POST", path, body)
    assert answer.status_code in (409, 422)
    assert answer.mimetype == "application/problem+json"
    assert answer.json["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"\xff", "application/json", 400),
        (b'"x"', "application/json", 422),
    ],
)
def test_a_body_that_is_no_json_is_refused(
    app: Flask, key: str, body: bytes, kind: str, status: int
) -> None:
    answer = app.test_client().post(
        "/api/v1/sites",
        data=body,
        base_url="https://localhost",
        headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
    )
    assert answer.status_code == status


def test_a_card_number_is_nowhere_in_the_database_in_clear(
    ask: Ask, database: Database, town: Town, tmp_path: Path
) -> None:
    number = "04A224B2C35E80"
    made = ask("POST", "/cards", {"user_id": town.ben.id, "number": number})
    assert (made.status_code, made.json["last4"]) == (201, "5E80")
    again = ask("POST", "/cards", {"user_id": town.ada.id, "number": number})
    assert again.status_code == 409
    assert ask("DELETE", f"/cards/{made.json['id']}").status_code == 204
    assert ask("POST", "/cards", {"user_id": town.ada.id, "number": number}).status_code == 201
    database.close()
    for path in tmp_path.glob("spoolhouse.db*"):
        content = path.read_bytes()
        assert number.encode() not in content
        assert bytes.fromhex(number) not in content


def test_every_change_is_audited_and_published(ask: Ask, database: Database, town: Town) -> None:
    ask("POST", "/printers", {"name": "Loft", "uri": "ipp://192.0.2.4/ipp/print"})
    with database.reading() as session:
        newest = session.scalars(
            select(AuditEvent).order_by(AuditEvent.recorded_at.desc(), AuditEvent.seq.desc())
        ).first()
        published = session.scalars(
            select(FeedRow.data).where(
                FeedRow.stream == f"account:{town.alder.account.id}", FeedRow.kind == "printer"
            )
        ).all()
    assert newest is not None
    assert (newest.event, newest.actor_kind) == ("printer.created", "api-key")
    assert "Loft" in {data["name"] for data in published}


def test_a_revoked_card_leaves_a_tombstone(ask: Ask, database: Database, town: Town) -> None:
    made = ask("POST", "/cards", {"user_id": town.ben.id, "number": "04A224B2C35E80"})
    ask("DELETE", f"/cards/{made.json['id']}")
    with database.reading() as session:
        row = session.scalars(select(FeedRow).where(FeedRow.id == made.json["id"])).one()
        card = session.get(Card, made.json["id"])
    assert row.deleted
    assert card is not None
    assert card.revoked_at is not None


def test_a_licence_stops_adding_printers_and_nothing_else(ask: Ask) -> None:
    statuses = [
        ask("POST", "/printers", {"name": f"P{n}", "uri": "ipp://192.0.2.4/"}).status_code
        for n in range(11)
    ]
    assert statuses == [201] * 9 + [409] * 2
    assert ask("POST", "/sites", {"name": "Quay"}).status_code == 201


def test_the_document_names_every_route_and_every_reference_resolves(app: Flask) -> None:
    document = api.describe()
    assert document["openapi"] == "3.1.0"
    described = sum(len(methods) for methods in document["paths"].values())
    assert described == sum(len(rest.operations) for rest in api.RESTS)
    references = set(_references(document))
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references <= known


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in _references(item)]
    if isinstance(value, list):
        return [found for item in value for found in _references(item)]
    return []


def test_a_list_asks_the_same_number_of_questions_however_long_it_is(
    ask: Ask, database: Database
) -> None:
    from sqlalchemy import event  # noqa: PLC0415

    def questions(path: str) -> int:
        seen: list[str] = []

        def note(*given: Any) -> None:
            seen.append(given[2])

        event.listen(database.engine, "before_cursor_execute", note)
        assert ask("GET", path).status_code == 200
        event.remove(database.engine, "before_cursor_execute", note)
        return len(seen)

    before = {path: questions(path) for path in ("/users", "/sites", "/audit", "/jobs")}
    for n in range(30):
        ask("POST", "/sites", {"name": f"Site {n}"})
        ask("POST", "/users", {"username": f"person {n}"})
    assert {path: questions(path) for path in before} == before


def test_a_vendors_gateway_serves_an_account_below_it_and_no_other(
    app: Flask, database: Database, town: Town, vault: Vault
) -> None:
    vendor = tenants.vendor(town.vendor.id)
    with database.writing() as session:
        gateway = gateways.create(session, vendor, NewGateway(name="Van"), TESTER, vault=vault)
        stranger = vendors.create(session, NewVendor(name="Wanda"), TESTER)
        new = NewAccount(name="Dogwood", short_name="dogwood")
        dogwood = accounts.create(session, stranger.id, new, TESTER, vault=vault)
        new_key = NewApiKey(name="x", permissions=tuple(VENDOR_ROLES["administrator"]))
        _, key = api_keys.create(session, vendor, new_key, TESTER)
    client = app.test_client(use_cookies=False)

    def serve(account_id: str) -> int:
        return client.post(
            f"/api/v1/gateways/{gateway.id}/accounts",
            json={"account_id": account_id},
            base_url="https://localhost",
            headers={"Authorization": f"Bearer {key}", "Idempotency-Key": account_id},
        ).status_code

    assert [serve(town.alder.account.id) for _ in range(2)] == [204, 204]
    assert serve(dogwood.id) == 422
    with database.reading() as session:
        assert gateways.served_accounts(session, gateway.id) == [town.alder.account.id]


@pytest.mark.parametrize(
    ("days", "says"), [(29, None), (3, "ends in 2 days"), (-1, "printing goes on")]
)
def test_a_licence_that_ends_is_told_to_programs_in_time(
    ask: Ask, database: Database, town: Town, days: int, says: str | None
) -> None:
    with database.writing() as session:
        licence = accounts.licence(session, town.alder.account.id)
        licence.expires_at = datetime.now(UTC) + timedelta(days=days)
    warning = ask("GET", "/account/licence").json["warning"]
    assert says in warning if says else warning is None


@pytest.fixture
def vendor(app: Flask, database: Database, town: Town) -> Ask:
    """Ask as a program of Vic's."""
    new = NewApiKey(name="x", permissions=tuple(VENDOR_ROLES["administrator"]))
    with database.writing() as session:
        _, key = api_keys.create(session, tenants.vendor(town.vendor.id), new, TESTER)

    def asked(method: str, path: str, body: Any = None, key: str = key) -> Any:
        return app.test_client(use_cookies=False).open(
            f"/api/v1{path}", method=method, json=body, base_url="https://localhost",
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip

    return asked


@pytest.mark.parametrize("path", ["/accounts", "/vendors"])
def test_a_vendor_opens_what_is_below_it_with_address_owner_and_a_key_for_a_day(
    vendor: Ask, path: str
) -> None:
    body = {"name": "Oak", "domain": "oak.vic.localhost", "set_up_key": True,
            "owner": {"username": "Olga", "password": "correct horse"}}  # fmt: skip
    body |= {"short_name": "oak"} if path == "/accounts" else {}
    opened = vendor("POST", path, body)
    assert (opened.status_code, opened.json["domain"]["verified_by"]) == (201, "parent")
    key = opened.json["key"]
    people = vendor("GET", "/users", key=key).json["items"]
    assert [(person["username"], person["roles"]) for person in people] == [("olga", ["owner"])]
    [made] = vendor("GET", "/api-keys", key=key).json["items"]
    life = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < life < timedelta(hours=25)
    assert vendor("GET", f"{path}/{opened.json['id']}").json["name"] == "Oak"
    assert vendor("GET", f"{path}/{opened.json['id']}", key=key).status_code in {403, 404}


def test_a_name_that_is_not_the_vendors_to_give_awaits_its_proof(vendor: Ask) -> None:
    body = {"name": "Oak", "short_name": "oak", "domain": "oak.example", "owner": {"username": "o"}}
    opened = vendor("POST", "/accounts", body).json
    assert opened["domain"]["verified_at"] is None
    assert opened["key"] is None
    assert opened["owner_link"].startswith("/recover/")


def test_an_account_is_opened_whole_or_not_at_all(vendor: Ask) -> None:
    body = {"name": "Oak", "short_name": "oak", "domain": "alder.localhost"}
    before = len(vendor("GET", "/accounts").json["items"])
    assert vendor("POST", "/accounts", {**body, "domain": "not a host"}).status_code == 422
    taken = {**body, "owner": {"username": "\x00"}}
    assert vendor("POST", "/accounts", taken).status_code == 422
    assert len(vendor("GET", "/accounts").json["items"]) == before


def test_where_a_person_is_signed_in_is_seen_and_ended(
    ask: Ask, app: Flask, database: Database, town: Town
) -> None:
    browser = signed_in(app, database, "alder.localhost", town.ada)
    path = f"/users/{town.ada.id}/sessions"
    [found] = ask("GET", path).json["items"]
    assert (found["address"], found["user_agent"]) == ("127.0.0.1", "a test")
    assert browser.get("/api/v1/me").status_code == 200
    assert ask("DELETE", f"/users/{town.ben.id}/sessions/{found['id']}").status_code == 404
    assert ask("GET", f"/users/{town.cleo.id}/sessions").status_code == 404
    assert ask("DELETE", f"{path}/{found['id']}").status_code == 204
    assert browser.get("/api/v1/me").status_code == 401
    assert ask("GET", path).json["items"] == []


def test_a_short_list_is_paged_too(ask: Ask) -> None:
    first = ask("GET", "/roles?limit=2").json
    rest = ask("GET", f"/roles?cursor={first['next_cursor']}").json
    named = [role["id"] for role in (*first["items"], *rest["items"])]
    everything = [role["id"] for role in ask("GET", "/roles").json["items"]]
    assert (named, rest["next_cursor"]) == (everything, None)
    assert ask("GET", "/roles?cursor=nonsense").status_code == 422


def test_the_audit_is_taken_along_in_the_order_of_its_chain_and_proved(
    ask: Ask, tmp_path: Path
) -> None:
    for name in ("One", "Two", "Three"):
        ask("POST", "/sites", {"name": name})
    rows: list[Any] = []
    after = 0
    while after is not None:
        page = ask("GET", f"/audit/export?after={after}&limit=2").json
        rows += page["items"]
        after = page["next_after"]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert ask("GET", f"/audit/{rows[0]['id']}").json == rows[0]
    file = tmp_path / "audit.json"
    file.write_text(json.dumps({"tenant": page["tenant"], "items": rows}))
    assert audit_export.verify(file) == (len(rows), None)
    for broken, says in (
        ([*rows[:1], *rows[2:]], "is missing"),
        ([{**rows[0], "outcome": "refused"}, *rows[1:]], "was changed"),
        ([{**rows[0], "previous": "x"}, *rows[1:]], "does not follow"),
    ):
        file.write_text(json.dumps({"tenant": page["tenant"], "items": broken}))
        found = audit_export.verify(file)[1]
        assert found is not None
        assert says in found


def test_the_audit_is_asked_for_a_span_of_time(ask: Ask) -> None:
    ask("POST", "/sites", {"name": "One"})
    now = datetime.now(UTC)
    for query, is_there in (
        ({"since": now - timedelta(hours=1), "until": now + timedelta(hours=1)}, True),
        ({"since": now + timedelta(hours=1)}, False),
        ({"until": now - timedelta(hours=1)}, False),
    ):
        said = urlencode({name: value.isoformat() for name, value in query.items()})
        assert bool(ask("GET", f"/audit?{said}").json["items"]) is is_there
