from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.identity.counters import Attempt, Counters, Locked
from shared.ids import AccountId
from tests.support.people import ManualClock


@dataclass
class Guesser:
    """Tries what is always wrong; counts how often it was looked at."""

    counters: Counters
    clock: ManualClock
    admitted: int = 0
    locked: list[Locked] = field(default_factory=list)

    async def guess(self, device: str = "terminal", *, version: str = "1") -> bool:
        locked = await self.counters.begin(an_attempt(device, version))
        self.admitted += locked is None
        if locked is not None:
            self.locked.append(locked)
        return locked is None


def an_attempt(device: str = "terminal", version: str = "1") -> Attempt:
    return Attempt(AccountId("alder"), "ada", device, version)


@pytest.fixture
async def guesser(tmp_path: Path) -> AsyncIterator[Guesser]:
    clock = ManualClock()
    counters = Counters(tmp_path / "identity.db", clock)
    yield Guesser(counters, clock)
    counters.close()


async def test_a_patient_guesser_gets_a_hundred_guesses_and_no_more(guesser: Guesser) -> None:
    for _ in range(130):
        guesser.clock.move(hours=25)
        await guesser.guess()
    assert guesser.admitted == 100
    assert guesser.locked[-1].seconds is None
    guesser.clock.move(days=300)
    assert not await guesser.guess()
    assert await guesser.guess(version="2")


async def test_a_hurried_guesser_gets_eleven_guesses_a_day(guesser: Guesser) -> None:
    for _ in range(24 * 60):
        guesser.clock.move(minutes=1)
        await guesser.guess()
    assert guesser.admitted <= 12


async def test_many_devices_lock_strange_devices_but_not_the_persons_own(guesser: Guesser) -> None:
    assert await guesser.guess("own desk")
    await guesser.counters.succeeded(an_attempt("own desk"))
    guesser.admitted = 0
    for device in range(30):
        for _ in range(5):
            await guesser.guess(f"stranger {device}")
    assert guesser.admitted == 100
    assert not await guesser.guess("new device")
    assert await guesser.guess("own desk")


async def test_one_stranger_alone_locks_nobody_out_elsewhere(guesser: Guesser) -> None:
    for _ in range(200):
        guesser.clock.move(hours=25)
        await guesser.guess("stranger")
    assert await guesser.guess("new device")


async def test_success_takes_the_failures_on_that_device_back(guesser: Guesser) -> None:
    for _ in range(50):
        for _ in range(4):
            assert await guesser.guess()
        await guesser.counters.succeeded(an_attempt())
        guesser.clock.move(minutes=16)
    assert guesser.admitted == 200


async def test_names_and_addresses_are_not_kept(guesser: Guesser, tmp_path: Path) -> None:
    await guesser.guess("10.1.2.3")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ada" not in content
    assert b"10.1.2.3" not in content


async def test_the_file_is_bounded(guesser: Guesser, tmp_path: Path) -> None:
    for n in range(50):
        await guesser.guess(f"device {n}")
    guesser.clock.move(days=60)
    later = Counters(tmp_path / "identity.db", guesser.clock)
    try:
        left = later._connection.execute("SELECT count(*) FROM failures").fetchone()[0]
    finally:
        later.close()
    assert left == 0
