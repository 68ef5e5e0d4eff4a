from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from edge_agent import keeper
from edge_agent.keeper import Keeper, Wanted
from edge_agent.service import Health
from shared.clock import SystemClock


@dataclass
class Toy:
    """A service that notes what is done to it and fails where a test says so."""

    name: str
    value: str
    log: list[str]
    fails: set[str] = field(default_factory=set)

    async def start(self) -> None:
        if self.value in self.fails:
            raise OSError(f"port {self.value} is in use")
        self.log.append(f"start {self.name} {self.value}")

    async def stop(self) -> None:
        self.log.append(f"stop {self.name} {self.value}")

    def health(self) -> Health:
        return Health(ok=True, says=self.value)


@dataclass
class Shop:
    keeper: Keeper
    log: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)

    async def want(self, **values: str) -> None:
        self.log.clear()
        self.keeper.want({n: Wanted(v, self._make(n, v)) for n, v in values.items()})
        async with asyncio.timeout(5):
            await self.keeper.settled()

    def _make(self, name: str, value: str) -> Callable[[], Toy]:
        return lambda: Toy(name, value, self.log, self.fails)


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(keeper, "FIRST_RETRY_SECONDS", 0.05)
    shop = Shop(Keeper(SystemClock()))
    task = asyncio.create_task(shop.keeper.run())
    yield shop
    task.cancel()
    await asyncio.wait([task])


async def test_services_start_in_order_and_stop_in_reverse(shop: Shop) -> None:
    await shop.want(storage="1", ipp="1")
    assert shop.log == ["start storage 1", "start ipp 1"]
    await shop.want()
    assert shop.log == ["stop ipp 1", "stop storage 1"]


async def test_an_unchanged_service_is_not_touched(shop: Shop) -> None:
    await shop.want(storage="1", ipp="631")
    await shop.want(storage="1", ipp="632", health="80")
    assert shop.log == ["stop ipp 631", "start ipp 632", "start health 80"]


async def test_one_that_cannot_start_says_why_and_the_others_go_on(shop: Shop) -> None:
    shop.fails.add("631")
    await shop.want(ipp="631", health="80")
    assert shop.log == ["start health 80"]
    assert shop.keeper.errors == {"ipp": "port 631 is in use"}
    assert not shop.keeper.health()["ipp"].ok


async def test_it_is_tried_again_until_it_works(shop: Shop) -> None:
    shop.fails.add("631")
    await shop.want(ipp="631")
    shop.fails.clear()
    async with asyncio.timeout(5):
        while shop.keeper.errors:
            await asyncio.sleep(0.01)
    assert shop.log == ["start ipp 631"]


async def test_the_last_good_configuration_stays(shop: Shop) -> None:
    await shop.want(ipp="631")
    shop.fails.add("80")
    await shop.want(ipp="80")
    assert shop.log == ["stop ipp 631", "start ipp 631"]
    assert shop.keeper.health()["ipp"].says == "631"
    assert shop.keeper.errors == {"ipp": "port 80 is in use"}
    await shop.want(ipp="631")
    assert shop.keeper.errors == {}
