"""Facts go up once, changes come down at once, whatever happens to the line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from control_plane.gateways import service as gateways
from control_plane.ingest.listener import Listener
from shared.ids import GatewayId
from shared.messages.topics import Down
from tests.support.line import Primary, a_gateway, until

MOST_SECONDS_UNHEARD: Final = 2.5
SLOW_SECONDS: Final = 3.0


async def test_facts_arrive_once_and_are_acknowledged(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.tell(*(["card.tapped"] * 17), account_id=primary.town.alder.account.id)
        await box.connected()
        await box.told()
        assert primary.count("card.tapped") == 17
        await box.tell("card.unknown", account_id=primary.town.alder.account.id)
        await until(lambda: primary.count("card.unknown") == 1, "a fact is told at once", 2)


@pytest.mark.parametrize("is_told", [True, False])
async def test_the_line_is_back_within_two_seconds_of_the_primary_s_listening(
    primary: Primary, tmp_path: Path, proof: Callable[[str], None], *, is_told: bool
) -> None:
    """The broker is there all the time; the gateway learns from it that nobody listens."""
    identity = primary.enrol(primary.new_gateway("Hall"), tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity, heartbeat_seconds=1.0) as box:
        if is_told:
            await box.connected()
        left = primary.link.listener
        assert left is not None
        await asyncio.to_thread(left.stop)
        await box.tell(*(["card.tapped"] * 3))
        await asyncio.sleep(5)
        assert not box.link.health().ok
        primary.link.listener = again = Listener(
            left._settings, primary.database, primary.keys.signer, on_up=primary.link.roles.wake
        )
        again.start()
        assert await asyncio.to_thread(primary.link.wait_until_up)
        began = time.monotonic()
        await box.told()
        took = time.monotonic() - began
    assert primary.count("card.tapped") == 3
    proof(f"told {took:.1f} s after the primary listens again")
    assert took < MOST_SECONDS_UNHEARD


async def test_a_primary_that_is_slow_to_answer_is_asked_again_and_its_first_answer_counts(
    primary: Primary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each answer comes too late, and what is asked anew makes it slower."""
    listener = primary.link.listener
    assert listener is not None
    connection, answers = listener._connection, list[float]()
    publish = connection.publish

    def publish_slowly(topic: str, payload: bytes) -> bool:
        if topic.endswith(Down.HELLO.value):
            time.sleep(SLOW_SECONDS)
            answers.append(time.monotonic())
        return publish(topic, payload)

    monkeypatch.setattr(connection, "publish", publish_slowly)
    identity = primary.enrol(primary.new_gateway("Hall"), tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity, heartbeat_seconds=60) as box:
        await until(box.link._up.is_set, "the broker takes it")
        began = time.monotonic()
        await box.connected()
        assert SLOW_SECONDS / 2 < time.monotonic() - began < 1.9 * SLOW_SECONDS
        assert answers, "nothing was slow"


def presence(primary: Primary, gateway_id: GatewayId) -> str:
    with primary.database.reading() as session:
        state = gateways.states(session, [gateway_id]).get(gateway_id)
        return state.presence if state is not None else "unknown"


async def test_a_gateway_that_is_switched_off_says_so(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        assert presence(primary, gateway.id) == "here"
    await until(lambda: presence(primary, gateway.id) == "gone", "it is gone")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        assert presence(primary, gateway.id) == "here"
