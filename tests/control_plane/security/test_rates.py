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


def test_each_of_several_primaries_gives_out_its_share_of_the_limit() -> None:
    clock, living = [0.0], [2]
    both = [
        Rates(burst=6, per_second=2, now=lambda: clock[0], sharers=lambda: living[0])
        for _ in range(2)
    ]
    for rates in both:
        for _ in range(3):
            rates.admit("a")
        with pytest.raises(TooManyError) as error:
            rates.admit("a")
        assert error.value.retry_after_seconds == 1
    living[0] = 1  # One of them is switched off: the other has the whole limit within seconds.
    clock[0] = 10.0
    for _ in range(6):
        both[0].admit("a")
    with pytest.raises(TooManyError):
        both[0].admit("a")


def test_how_many_share_is_not_asked_with_every_request() -> None:
    clock, asked = [0.0], [0]

    def sharers() -> int:
        asked[0] += 1
        return 1

    rates = Rates(now=lambda: clock[0], sharers=sharers)
    for _ in range(100):
        rates.admit("a")
    assert asked == [1]
    clock[0] = 6.0
    rates.admit("a")
    assert asked == [2]


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
