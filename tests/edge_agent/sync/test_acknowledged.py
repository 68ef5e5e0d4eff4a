"""An acknowledgement that comes while a batch is made: nothing is sent that nobody can read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.jobs import outbox
from edge_agent.sync.sender import Sender
from shared.messages import envelope
from shared.messages.envelope import Batch, Lane
from shared.messages.hello import Ack, LaneAction, LaneMark
from tests.support.jobs import a_job_service, accept


async def test_rows_that_are_acknowledged_while_they_are_read_again_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is when acknowledgements are slow: the rows are sent again, and then they come."""
    sent: list[Batch] = []

    def publish(payload: bytes) -> bool:
        sent.append(envelope.decode_batch(payload))
        return True

    async def anew(_why: str, _after: int | None) -> None:
        raise AssertionError

    async with a_job_service(tmp_path) as jobs:
        for _ in range(3):
            await accept(jobs)
        state = await jobs.store.read(lambda c: outbox.lane_state(c, Lane.FACTS))
        last = state.next_seq - 1
        lane = Sender(jobs.store, Lane.FACTS, publish, lambda: None)
        await lane.on_mark(LaneMark(LaneAction.CONTINUE, state.epoch, 0, None), anew)
        read = jobs.store.read

        async def slow_read(query: Callable[[sqlite3.Connection], Any]) -> Any:
            found = await read(query)
            if isinstance(found, outbox.Run) and found.first == 1:
                await lane.on_ack(Ack(1, Lane.FACTS, state.epoch, last - 1))
            return found

        monkeypatch.setattr(jobs.store, "read", slow_read)
        running = asyncio.create_task(lane.run())
        try:
            async with asyncio.timeout(5):
                while not sent:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert [(batch.header.first, batch.header.dropped) for batch in sent] == [(last, 0)]
