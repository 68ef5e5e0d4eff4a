"""The key of an account's cards is changed: no card is lost, and the old hashes are worth nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.accounts import secrets
from control_plane.cards import rekeying
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.database import Database
from control_plane.errors import ConflictError
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.vault import Vault
from shared import cards as numbers
from shared.ids import CardId
from shared.messages.records import account_stream, gateway_stream
from tests.support.houses import TESTER, Town
from tests.support.web import an_app, give_domains, signed_in

NUMBER, OTHER = "04A224B2C35E80", "04B17C6A915D80"


@pytest.fixture
def card_id(database: Database, vault: Vault, town: Town) -> CardId:
    """Ada's card; Alder's gateway is a box that has the account's secrets."""
    with database.writing() as session:
        gateways.on_enrolled(session, town.alder.gateway.id, b"\x09" * 32, TESTER, vault=vault)
        new = NewCard(user_id=town.ada.id, number=NUMBER)
        return cards.create(session, town.alder.account.id, new, TESTER, vault=vault).id


@pytest.fixture
def change(database: Database, vault: Vault, town: Town) -> Callable[[], rekeying.CardKey]:
    def changed() -> rekeying.CardKey:
        with database.writing() as session:
            return rekeying.change_key(session, town.alder.account.id, TESTER, vault=vault)

    return changed


def hash_at_gateways(database: Database, town: Town, card_id: CardId) -> str:
    with database.reading() as session:
        row = feed.find_row(session, account_stream(town.alder.account.id), "card", card_id)
        assert row is not None
        return str(row.data["card_hash"])


def versions_at_gateway(database: Database, town: Town) -> list[str]:
    stream, account_id = gateway_stream(town.alder.gateway.id), town.alder.account.id
    with database.reading() as session:
        rows = feed.list_rows(session, stream, "secret", prefix=f"{account_id}/card-hmac/")
        return sorted(row.id.rpartition("/")[2] for row in rows)


def test_every_card_gets_a_new_hash_and_is_still_the_same_card(
    database: Database, vault: Vault, town: Town, card_id: CardId,
    change: Callable[[], rekeying.CardKey],
) -> None:  # fmt: skip
    before = hash_at_gateways(database, town, card_id)
    assert change() == rekeying.CardKey(version=2, cards=1)
    account_id = town.alder.account.id
    with database.reading() as session:
        key = secrets.get_secret(session, vault, account_id, secrets.CARD_HMAC)
        found = cards.find_by_number(session, account_id, NUMBER, vault=vault)
    assert hash_at_gateways(database, town, card_id) == numbers.card_hash(
        key.secret, numbers.canonical(NUMBER)
    )
    assert hash_at_gateways(database, town, card_id) != before
    assert found is not None
    assert (found.id, found.hash_key_version) == (card_id, 2)


def test_a_gateway_keeps_the_key_before_until_the_next_change(
    database: Database, town: Town, card_id: CardId, change: Callable[[], rekeying.CardKey]
) -> None:
    assert card_id
    assert versions_at_gateway(database, town) == ["1"]
    change()
    assert versions_at_gateway(database, town) == ["1", "2"]
    change()
    assert versions_at_gateway(database, town) == ["2", "3"]


def test_a_revoked_gateway_gets_no_new_key(
    database: Database, town: Town, card_id: CardId, change: Callable[[], rekeying.CardKey]
) -> None:
    assert card_id
    with database.writing() as session:
        alder = tenants.account(town.alder.account.id)
        gateways.revoke(session, alder, town.alder.gateway.id, TESTER)
    change()
    assert versions_at_gateway(database, town) == ["1"]


def test_a_card_is_given_once_under_the_new_key_too(
    database: Database, vault: Vault, town: Town, card_id: CardId,
    change: Callable[[], rekeying.CardKey],
) -> None:  # fmt: skip
    change()
    account_id = town.alder.account.id
    taken = NewCard(user_id=town.ben.id, number=NUMBER)
    with database.writing() as session, pytest.raises(ConflictError):
        cards.create(session, account_id, taken, TESTER, vault=vault)
    with database.writing() as session:
        free = NewCard(user_id=town.ben.id, number=OTHER)
        assert cards.create(session, account_id, free, TESTER, vault=vault).hash_key_version == 2
    with database.writing() as session:
        cards.revoke(session, account_id, card_id, TESTER)
    assert change().cards == 1


def test_other_accounts_keep_their_keys(
    database: Database, vault: Vault, town: Town, change: Callable[[], rekeying.CardKey]
) -> None:
    change()
    with database.reading() as session:
        cedar = secrets.get_secret(session, vault, town.cedar.account.id, secrets.CARD_HMAC)
    assert cedar.version == 1


def test_page_and_api_change_it_for_who_may_change_settings(
    tmp_path: Path, database: Database, vault: Vault, town: Town, card_id: CardId
) -> None:
    assert card_id
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    ada = signed_in(app, database, "alder.localhost", town.ada)
    ben = signed_in(app, database, "alder.localhost", town.ben)
    assert ben.post("/settings/card-key").status_code == 403
    assert '<dd id="key-version">1</dd>' in ada.get("/settings/card-key").text
    assert ada.post("/settings/card-key").status_code == 303
    assert '<dd id="key-version">2</dd>' in ada.get("/settings/card-key").text
    with database.writing() as session:
        roles = {name: tuple(ACCOUNT_ROLES[name]) for name in ("administrator", "help-desk")}
        alder = tenants.account(town.alder.account.id)
        keys = {
            name: api_keys.create(session, alder, NewApiKey(name=name, permissions=may), TESTER)[1]
            for name, may in roles.items()
        }
    client = app.test_client(use_cookies=False)

    def ask(role: str) -> tuple[int, int | None]:
        headers = {"Authorization": f"Bearer {keys[role]}"}
        path = "/api/v1/account/card-key"
        answer = client.post(path, base_url="https://localhost", headers=headers)
        return answer.status_code, answer.get_json().get("version")

    assert ask("help-desk") == (403, None)
    assert ask("administrator") == (200, 3)
