"""The REST API as an account's program uses it: bodies, versions, repeats, lists, its document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from control_plane.accounts import service as accounts
from control_plane.cards.models import Card
from control_plane.database import Database
from control_plane.feed.models import FeedRow
from control_plane.rest import api
from control_plane.security import idempotency
from control_plane.security.models import IdempotencyKey
from control_plane.sites.models import Site
from control_plane.vault import Vault
from tests.support.houses import Town
from tests.support.web import signed_in

Ask = Callable[..., Any]


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
