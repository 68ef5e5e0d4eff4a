from __future__ import annotations

from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.errors import TooManyError
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.rates import Rates
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import an_app


def test_a_key_that_asks_too_fast_waits_and_hears_how_long() -> None:
    clock = [0.0]
    rates = Rates(burst=3, per_second=0.5, now=lambda: clock[0])
    for _ in range(3):
        rates.admit("a")
    with pytest.raises(TooManyError) as error:
        rates.admit("a")
    assert error.value.retry_after_seconds == 2
    rates.admit("b")  # Another key is not held back by it.
    clock[0] = 2.0
    rates.admit("a")
    with pytest.raises(TooManyError):
        rates.admit("a")


def test_a_pause_fills_the_bucket_and_no_more_than_that() -> None:
    clock = [0.0]
    rates = Rates(burst=2, per_second=1, now=lambda: clock[0])
    clock[0] = 1000.0
    rates.admit("a")
    rates.admit("a")
    with pytest.raises(TooManyError):
        rates.admit("a")


def test_a_program_in_a_hurry_gets_429_and_others_are_served(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    app = an_app(tmp_path, database, vault, pages=(), rates=Rates(burst=2, per_second=0.1))
    client = app.test_client(use_cookies=False)
    keys = []
    for house in (town.alder, town.cedar):
        with database.writing() as session:
            tenant = tenants.account(house.account.id)
            new = NewApiKey(name="x", permissions=())
            keys.append(api_keys.create(session, tenant, new, TESTER)[1])

    def ask(key: str) -> tuple[int, int]:
        answer = client.get(
            "/api/v1/me", base_url="https://localhost", headers={"Authorization": f"Bearer {key}"}
        )
        return answer.status_code, int(answer.headers.get("Retry-After", 0))

    assert [ask(keys[0])[0] for _ in range(2)] == [200, 200]
    status, wait = ask(keys[0])
    assert status == 429
    assert 1 <= wait <= 10
    assert ask(keys[1])[0] == 200
