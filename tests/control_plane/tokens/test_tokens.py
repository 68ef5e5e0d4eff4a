from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from control_plane import schema, tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database, sqlite_url
from control_plane.errors import ConflictError, NotFoundError
from control_plane.feed.models import FeedRow
from control_plane.gateways import serving
from control_plane.tokens import service as tokens
from control_plane.tokens.schemas import NewPrintToken
from control_plane.users import service as users
from control_plane.vault import Vault
from shared.ids import PrintTokenId
from shared.secrets import hash_print_token
from tests.support.houses import TESTER, Town, a_town
from tests.support.web import Browser, an_app, give_domains, signed_in

TOKEN_IN_PATH = re.compile(r"/t/([a-z2-7]{32})")


@dataclass
class Portal:
    """Ada, Ben and Cleo, each with a browser."""

    app: Flask
    database: Database
    town: Town
    folder: Path
    ada: Browser
    ben: Browser
    cleo: Browser

    def feed(self, kind: str = "print-token") -> dict[str, bool]:
        with self.database.reading() as session:
            rows = session.scalars(select(FeedRow).where(FeedRow.kind == kind)).all()
            return {row.id: row.deleted for row in rows}

    def audited(self) -> list[str]:
        with self.database.reading() as session:
            found = session.scalars(select(AuditEvent).order_by(AuditEvent.recorded_at)).all()
            return [event.event for event in found if event.event.startswith("token.")]

    def make(self, browser: Browser, name: str = "laptop") -> str:
        answer = browser.post("/my/print-tokens", data={"csrf_token": browser.csrf, "name": name})
        assert answer.status_code == 200, answer.text
        assert "no-store" in answer.headers["Cache-Control"]
        [token] = set(TOKEN_IN_PATH.findall(answer.text))
        return str(token)

    def id_of(self, token: str) -> str:
        account_id = self.town.alder.account.id
        with self.database.reading() as session:
            rows = tokens.list_tokens(session, account_id, with_revoked=True).items
            return next(row.id for row in rows if row.token_hash == hash_print_token(token))


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    database, vault = Database(sqlite_url(tmp_path / "x.db")), Vault(b"k" * 32)
    schema.migrate(database)
    town = a_town(database, vault)
    give_domains(database, town)
    with database.writing() as session:
        for house in (town.alder, town.cedar):
            gateway = session.merge(house.gateway)
            serving.serve(session, gateway, house.account.id, TESTER, vault=vault)
    app = an_app(tmp_path, database, vault)
    ada = signed_in(app, database, "alder.localhost", town.ada)
    ben = signed_in(app, database, "alder.localhost", town.ben)
    cleo = signed_in(app, database, "cedar.localhost", town.cleo)
    yield Portal(app, database, town, tmp_path, ada, ben, cleo)
    database.close()


def test_a_token_is_shown_once_and_kept_nowhere(portal: Portal) -> None:
    token = portal.make(portal.ada, "laptop at home")
    page = portal.ada.get("/my/print-tokens").text
    assert "laptop at home" in page
    assert token not in page
    assert portal.feed() == {portal.id_of(token): False}
    written = [path for path in portal.folder.rglob("*") if path.is_file()]
    assert any(hash_print_token(token).encode() in path.read_bytes() for path in written)
    assert [path for path in written if token.encode() in path.read_bytes()] == []
    assert len(token) * 5 >= 160


def test_its_owner_revokes_it_and_the_gateways_hear_of_it(portal: Portal) -> None:
    token_id = portal.id_of(portal.make(portal.ada))
    form = {"csrf_token": portal.ada.csrf}
    for _ in range(2):
        answer = portal.ada.post(f"/my/print-tokens/{token_id}/revoke", data=form)
        assert answer.status_code == 303
    assert portal.feed() == {token_id: True}
    assert portal.audited() == ["token.added", "token.revoked"]
    assert "You have no print token." in portal.ada.get("/my/print-tokens").text


def test_nobody_else_sees_or_revokes_it_not_even_in_the_same_house(portal: Portal) -> None:
    token_id = portal.id_of(portal.make(portal.ada, "Ada's phone"))
    for other in (portal.ben, portal.cleo):
        assert "Ada&#39;s phone" not in other.get("/my/print-tokens").text
        form = {"csrf_token": other.csrf}
        assert other.post(f"/my/print-tokens/{token_id}/revoke", data=form).status_code == 404
    assert "Ada&#39;s phone" in portal.ada.get("/my/print-tokens").text
    assert portal.feed() == {token_id: False}


def test_a_repeated_request_of_a_program_does_not_keep_the_token(portal: Portal) -> None:
    body = {"user_id": portal.town.ben.id, "name": "scanner"}
    headers = {"Idempotency-Key": "once", "X-CSRF-Token": portal.ada.csrf}
    first = portal.ada.post("/api/v1/print-tokens", json=body, headers=headers)
    again = portal.ada.post("/api/v1/print-tokens", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json is not None
    assert again.json is not None
    assert again.json["id"] == first.json["id"]
    token = first.json["token"]
    assert first.json["addresses"][0]["uri"].endswith(f"/ipp/print/alder/pull/t/{token}")
    assert token not in again.text
    written = [path for path in portal.folder.rglob("*") if path.is_file()]
    assert [path for path in written if token.encode() in path.read_bytes()] == []


def test_who_leaves_takes_their_tokens_along(portal: Portal) -> None:
    token_id = portal.id_of(portal.make(portal.ben))
    with portal.database.writing() as session:
        ben, account_id = portal.town.ben, portal.town.alder.account.id
        users.delete(session, tenants.account(account_id), ben.id, TESTER)
        with pytest.raises(NotFoundError):
            tokens.get_token(session, account_id, PrintTokenId(token_id))
    assert portal.feed() == {token_id: True}


def test_there_is_an_end_to_how_many_a_person_makes(portal: Portal) -> None:
    new = NewPrintToken(user_id=portal.town.ada.id, name="one of many")
    with portal.database.writing() as session:
        account_id = portal.town.alder.account.id
        for _ in range(tokens.MOST_OF_ONE_PERSON):
            tokens.create(session, account_id, new, TESTER)
        with pytest.raises(ConflictError):
            tokens.create(session, account_id, new, TESTER)
    answer = portal.ada.post(
        "/my/print-tokens", data={"csrf_token": portal.ada.csrf, "name": "one more"}
    )
    assert answer.status_code == 422
