"""The rehearsal by itself: how long it lasts, what it survives, what it tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent import command_line
from edge_agent.jobs import outbox
from edge_agent.jobs.store import JobStore
from edge_agent.spool.spool import Spool
from edge_agent.sync import rehearsal as rehearsals
from edge_agent.sync.commands import CommandRefusedError
from edge_agent.sync.rehearsal import Rehearsal
from shared.ids import AccountId, GatewayId, new_id
from shared.messages import codec
from shared.messages.events import AuditRecorded
from tests.support.moving_clock import MovingClock

COMMAND = "command-1"


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsals, "TICK_SECONDS", 0.01)


@pytest.fixture
async def store(tmp_path: Path, clock: MovingClock) -> AsyncIterator[JobStore]:
    store = JobStore(tmp_path, Spool(tmp_path, clock.now))
    store.start()
    await store.submit(lambda tx: outbox.identify(tx.connection, GatewayId(new_id())))
    now = clock.now().isoformat()
    await store.submit(
        lambda tx: tx.connection.execute(
            "INSERT INTO command_log VALUES (?, 1, 1, 'gateway.rehearse', 'in-progress', ?)",
            (COMMAND, now),
        )
    )
    yield store
    await store.stop()


def a_rehearsal(tmp_path: Path, store: JobStore, clock: MovingClock) -> Rehearsal:
    return Rehearsal(tmp_path, store, clock, lambda: 42)


async def pass_time(clock: MovingClock, seconds: float) -> None:
    clock.advance(seconds)
    await asyncio.sleep(0.1)


async def until_saved(state: Path, *, less_than: float) -> None:
    async with asyncio.timeout(20):
        while json.loads((state / rehearsals.FILE).read_text())["left_seconds"] >= less_than:
            await asyncio.sleep(0.02)


async def until_over(rehearsal: Rehearsal) -> None:
    async with asyncio.timeout(20):
        while rehearsal.left_seconds is not None:
            await asyncio.sleep(0.02)


async def note(store: JobStore, event: str, outcome: str, **detail: str) -> None:
    fact = AuditRecorded(
        new_id(), event, outcome, MovingClock().now(), account_id=AccountId("a"), detail=detail
    )
    await store.submit(lambda tx: tx.enqueue(fact))


async def told(store: JobStore) -> list[dict[str, object]]:
    rows = await store.read(
        lambda c: [bytes(raw) for (raw,) in c.execute("SELECT row FROM outbox ORDER BY seq")]
    )
    found = [codec.loads(raw) for raw in rows]
    return [row["body"] for row in found if row["kind"] == "command.reported"]


async def test_it_ends_by_itself_and_tells_what_happened_meanwhile(
    tmp_path: Path, store: JobStore, clock: MovingClock
) -> None:
    rehearsal = a_rehearsal(tmp_path, store, clock)
    await note(store, "card.tapped", "ok")  # before it: not counted
    await rehearsal.begin(COMMAND, 600)
    assert not rehearsal.is_silent  # the primary hears that it begins
    task = asyncio.create_task(rehearsal.run())
    await pass_time(clock, 3)
    assert rehearsal.is_silent
    await note(store, "card.tapped", "ok")
    await note(store, "sign-in.accepted", "ok", **{"with": "pin"})
    await note(store, "card.unknown", "refused")
    await pass_time(clock, 590)
    assert rehearsal.is_silent
    await pass_time(clock, 18)
    await until_over(rehearsal)
    task.cancel()
    (report,) = await told(store)
    result = report["result"]
    assert isinstance(result, dict)
    assert report["state"] == "succeeded"
    assert result["why_ended"] == "time"
    assert result["sign_ins"] == {"card": 1, "pin": 1}
    assert result["refused"] == {"card.unknown": 1}
    assert result["knowledge_seconds"] == 42
    assert not (tmp_path / rehearsals.FILE).exists()


async def test_it_survives_a_restart_and_counts_only_the_time_that_runs(
    tmp_path: Path, store: JobStore, clock: MovingClock
) -> None:
    first = a_rehearsal(tmp_path, store, clock)
    await first.begin(COMMAND, 60)
    task = asyncio.create_task(first.run())
    await pass_time(clock, 6)
    await pass_time(clock, 6)
    await until_saved(tmp_path, less_than=60)
    task.cancel()
    clock.advance(1000)  # switched off
    again = a_rehearsal(tmp_path, store, clock)
    again.recover()
    assert again.is_silent
    assert again.left_seconds is not None
    assert 40 <= again.left_seconds <= 55
    task = asyncio.create_task(again.run())
    await pass_time(clock, 30)
    assert again.is_silent
    await pass_time(clock, 60)
    await until_over(again)
    task.cancel()
    (report,) = await told(store)
    assert isinstance(report["result"], dict)
    assert report["result"]["restarts"] == 1


async def test_somebody_at_the_gateway_ends_it(
    tmp_path: Path, store: JobStore, clock: MovingClock, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal = a_rehearsal(tmp_path, store, clock)
    of = ["--state", str(tmp_path)]
    assert command_line.main(["rehearsal", "end", *of]) == 3
    await rehearsal.begin(COMMAND, 600)
    task = asyncio.create_task(rehearsal.run())
    await pass_time(clock, 3)
    assert command_line.main(["rehearsal", *of]) == 0
    assert "ends by itself" in capsys.readouterr().out
    assert command_line.main(["rehearsal", "end", *of]) == 0
    await pass_time(clock, 1)
    await until_over(rehearsal)
    task.cancel()
    (report,) = await told(store)
    assert isinstance(report["result"], dict)
    assert report["result"]["why_ended"] == "gateway"


async def test_there_is_one_at_a_time_and_none_too_long(
    tmp_path: Path, store: JobStore, clock: MovingClock
) -> None:
    rehearsal = a_rehearsal(tmp_path, store, clock)
    for seconds in (0, 59, 3601, 10**9):
        with pytest.raises(CommandRefusedError):
            await rehearsal.begin(COMMAND, seconds)
    await rehearsal.begin(COMMAND, 60)
    with pytest.raises(CommandRefusedError, match="already"):
        await rehearsal.begin("another", 60)
    assert await rehearsal.end("primary")
    assert not await rehearsal.end("primary")


async def test_a_file_that_cannot_be_read_is_no_rehearsal(
    tmp_path: Path, store: JobStore, clock: MovingClock
) -> None:
    (tmp_path / rehearsals.FILE).write_text("{nonsense")
    rehearsal = a_rehearsal(tmp_path, store, clock)
    rehearsal.recover()
    assert not rehearsal.is_silent
    await rehearsal.begin(COMMAND, 60)
    assert rehearsal.left_seconds == 60
