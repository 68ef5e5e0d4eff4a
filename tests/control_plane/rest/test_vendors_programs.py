"""What a vendor's program does for the accounts and vendors below it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import VENDOR_ROLES
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from tests.support.houses import TESTER, Town

Ask = Callable[..., Any]


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
