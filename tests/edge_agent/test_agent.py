from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent import agent as agent_module
from edge_agent.agent import Agent, NoLink
from edge_agent.parts import build_parts
from edge_agent.service import Health
from shared.clock import SystemClock
from shared.messages import codec, envelope
from shared.messages.records import ServiceSetting
from tests.support.people import people


class BrokenLink(NoLink):
    """A line with a fault of ours in it."""

    runs = 0

    async def run(self) -> None:
        BrokenLink.runs += 1
        raise KeyError("a fault of ours")

    def health(self) -> Health:
        return Health(ok=False, says="broken")


async def test_a_broken_link_ends_nothing_else_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "LINK_AGAIN_SECONDS", 0.01)
    filled = people(tmp_path)
    filled.gateway(storage=ServiceSetting(), authentication=ServiceSetting())
    filled.replica.close()
    parts = build_parts(
        tmp_path, filled.gateway_id, SystemClock(), unseal=lambda record: record.sealed
    )
    agent = Agent(parts, make_link=lambda _: BrokenLink())
    running = asyncio.create_task(agent.run())
    async with asyncio.timeout(10):
        await agent.ready.wait()
        while BrokenLink.runs < 3:
            await asyncio.sleep(0.01)
    assert agent.keeper.find("storage") is not None
    assert not running.done()
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert running.cancelled()


async def test_a_gateway_without_configuration_waits_and_says_so(tmp_path: Path) -> None:
    filled = people(tmp_path)
    filled.replica.close()
    parts = build_parts(
        tmp_path, filled.gateway_id, SystemClock(), unseal=lambda record: record.sealed
    )
    agent = Agent(parts, make_link=lambda _: NoLink())
    running = asyncio.create_task(agent.run())
    async with asyncio.timeout(10):
        await agent.ready.wait()
    assert "waits for its configuration" in agent.report().headline()
    running.cancel()
    await asyncio.wait([running], timeout=5)
    assert running.cancelled()


async def test_a_gateway_of_very_many_printers_tells_them_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = people(tmp_path)
    filled.replica.close()
    parts = build_parts(
        tmp_path, filled.gateway_id, SystemClock(), unseal=lambda record: record.sealed
    )
    every = {f"p{n:04}": {"ok": True, "says": "x" * 800} for n in range(600)}
    monkeypatch.setattr(parts.watch, "told", lambda: every)
    agent = Agent(parts)
    await parts.start()
    try:
        told: dict[str, object] = {}
        while len(told) < len(every):
            heartbeat = agent.presence()
            assert set(heartbeat["parts"]) == {"printers"}
            assert len(codec.dumps(heartbeat)) < envelope.MAX_PLAIN_BYTES / 2
            assert not heartbeat["printers"].keys() & told.keys()
            told |= heartbeat["printers"]
        # What a diagnosis answers travels as one row.
        assert len(codec.dumps(agent.condition())) < envelope.MAX_ROW_BYTES / 2
    finally:
        await parts.stop()
