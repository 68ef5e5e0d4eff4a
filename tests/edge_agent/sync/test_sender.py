"""While many documents come in, the primary is told in few batches; it is told all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from edge_agent.jobs import outbox
from edge_agent.sync import sender
from edge_agent.sync.sender import Sender
from shared.messages.envelope import Lane
from shared.messages.hello import LaneAction, LaneMark
from tests.support.jobs import Jobs, a_job_service, accept

_WAITS = 1.0


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    async with a_job_service(tmp_path) as running:
        yield running


async def first_batch_after(jobs: Jobs, prepare: Callable[[], Awaitable[None]]) -> float:
    """How long a fact waits until it is published."""
    published = asyncio.Event()

    def publish(_payload: bytes) -> bool:
        published.set()
        return True

    lane = Sender(jobs.store, Lane.FACTS, publish, lambda: None)
    jobs.store.on_facts(lane.wake)
    state = await jobs.store.submit(lambda tx: outbox.lane_state(tx.connection, Lane.FACTS))

    async def anew(_why: str, _after: int | None) -> None:
        raise AssertionError

    await lane.on_mark(LaneMark(LaneAction.CONTINUE, state.epoch, 0, None), anew)
    running = asyncio.create_task(lane.run())
    try:
        await prepare()
        began = time.monotonic()
        await accept(jobs)
        async with asyncio.timeout(10):
            await published.wait()
        return time.monotonic() - began
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_fact_is_told_at_once_when_few_documents_come(jobs: Jobs) -> None:
    async def nothing() -> None:
        await asyncio.sleep(0)

    assert await first_batch_after(jobs, nothing) < _WAITS / 2


async def test_a_fact_waits_a_bounded_time_while_many_documents_come(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "RUSH_SECONDS", _WAITS)
    monkeypatch.setattr(jobs.store.rush, "is_on", lambda: True)

    async def nothing() -> None:
        await asyncio.sleep(0)

    assert _WAITS / 2 < await first_batch_after(jobs, nothing) < _WAITS * 5


async def test_a_rush_is_many_documents_in_a_moment_and_ends_by_itself(jobs: Jobs) -> None:
    rush = jobs.store.rush
    assert not rush.is_on()
    await accept(jobs)
    assert not rush.is_on()
    await asyncio.gather(*[accept(jobs) for _ in range(100)])
    assert rush.is_on()
    await rush.wait(10)
    assert not rush.is_on()
    rush.note([1_000_000] * 20)
    assert rush.is_on()
