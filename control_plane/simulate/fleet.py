"""Runs a scenario: gateways come, people print, cables are pulled, and the ledger is compared."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy.exc import OperationalError

from control_plane.simulate import identities, ledger, town
from control_plane.simulate.figures import Figures, draw
from control_plane.simulate.gateway import SimulatedGateway, World
from control_plane.simulate.identities import Office
from control_plane.simulate.ledger import Verdict
from control_plane.simulate.scenario import BrokerRestart, Cut, Scenario
from control_plane.simulate.work import House, Ledger
from shared import processes
from shared.ids import GatewayId

_PROGRESS_SECONDS: Final = 10.0
_PROGRESS_SECONDS_AT_TTY: Final = 1.0
_ROLES_SECONDS: Final = 2.0  # until the broker has heard of new gateways
_SPARE_FILES: Final = 200
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Which primary, and where its broker is."""

    office: Office
    broker_host: str
    broker_port: int
    broker_pid: Path  # for scenarios that kill it
    https: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    figures: Figures
    verdict: Verdict
    unacknowledged: int
    enrolled_seconds: float
    memory_per_gateway: int  # bytes of this process

    @property
    def is_well(self) -> bool:
        return self.verdict.is_well and self.unacknowledged == 0

    def table(self) -> str:
        verdict = self.verdict
        return draw([
            *self.figures.rows(),
            ("memory here per gateway", f"{self.memory_per_gateway // 1024} KiB"),
            ("never acknowledged", f"{self.unacknowledged:,}"),
            ("lost", f"{verdict.lost:,}"),
            ("doubled", f"{verdict.doubled:,}"),
            ("parked at the primary", f"{verdict.parked:,}"),
        ])  # fmt: skip


async def run(scenario: Scenario, target: Target, say: Say) -> Outcome:
    """Run a scenario from the first enrolment to the comparison of the ledgers."""
    _allow_files(scenario.gateways + _SPARE_FILES)
    office = target.office
    houses = await asyncio.to_thread(town.prepare, office.database, office.vault, scenario.accounts)
    began = time.monotonic()
    way = "each over HTTPS" if target.https else "in bulk, by the same service without HTTPS"
    say(f"enrolling {scenario.gateways} gateways, {way}")
    fleet, fresh = await identities.enrol_fleet(
        office, houses, scenario.gateways, over_https=target.https
    )
    took = time.monotonic() - began
    say(f"{fresh} enrolled in {took:.1f} s, {len(fleet) - fresh} were known")
    if fresh:
        await asyncio.sleep(_ROLES_SECONDS)
    before = _memory()
    figures = Figures(len(fleet))
    world = World(
        host=target.broker_host,
        port=target.broker_port,
        figures=figures,
        ledger=Ledger(),
        random=Random(scenario.seed),  # noqa: S311  # the same again, and no secret
        heartbeat_seconds=scenario.heartbeat_seconds,
        rows_at_once=scenario.rows_at_once,
    )
    boxes = [
        SimulatedGateway(identity, houses[n % len(houses)], world)
        for n, identity in enumerate(fleet)
    ]
    play = _Play(scenario, target, world=world, boxes=boxes, houses=houses, say=say)
    await play.run()
    memory = (_memory() - before) // len(boxes)
    verdict = await asyncio.to_thread(
        _compare, office, world.ledger, [each.gateway_id for each in fleet]
    )
    return Outcome(figures, verdict, sum(box.waiting for box in boxes), took, memory)


def _compare(office: Office, told: Ledger, fleet: Sequence[GatewayId]) -> Verdict:
    with office.database.reading() as session:
        return ledger.compare(session, told, fleet)


class _Play:
    """One run of the boxes."""

    def __init__(
        self,
        scenario: Scenario,
        target: Target,
        *,
        world: World,
        boxes: Sequence[SimulatedGateway],
        houses: Sequence[House],
        say: Say,
    ) -> None:
        self._scenario, self._target, self._world = scenario, target, world
        self._boxes, self._houses, self._say = boxes, houses, say
        self._random = world.random
        self._ends_at = 0.0
        self._connected_at_end = 0

    async def run(self) -> None:
        scenario = self._scenario
        self._world.figures.began = time.monotonic()
        self._ends_at = self._world.figures.began + scenario.seconds
        async with _cancelled_at_end(self._tell_progress()), asyncio.TaskGroup() as lines:
            tasks = [
                lines.create_task(self._begin(n, box), name=f"gateway {n}")
                for n, box in enumerate(self._boxes)
            ]
            try:
                await self._play()
                await self._settle()
                self._connected_at_end = self._world.figures.connected
            finally:
                for task in tasks:
                    task.cancel()
        self._world.figures.connected = self._connected_at_end

    async def _begin(self, number: int, box: SimulatedGateway) -> None:
        await asyncio.sleep(self._scenario.ramp_seconds * number / len(self._boxes))
        await box.run()

    async def _play(self) -> None:
        """Let everything happen that the scenario says."""
        scenario = self._scenario
        async with asyncio.TaskGroup() as group:
            for what in (self._jobs(), self._taps(), self._changes(), self._flap()):
                group.create_task(what)
            for cut in scenario.cuts:
                group.create_task(self._cut(cut))
            for restart in scenario.broker_restarts:
                group.create_task(self._restart_broker(restart))

    async def _settle(self) -> None:
        """Wait until everything is acknowledged and everybody is back, or time is up."""
        deadline = time.monotonic() + self._scenario.settle_seconds
        while time.monotonic() < deadline:
            if all(box.is_connected and not box.waiting for box in self._boxes):
                return
            await asyncio.sleep(0.1)

    async def _now_and_then(self, per_hour: float, act: Callable[[], None]) -> None:
        """Act at random moments, so often on average, until the scenario ends."""
        if per_hour <= 0:
            return
        due = time.monotonic()
        while True:
            due += self._random.expovariate(per_hour / 3600)
            if due >= self._ends_at:
                await asyncio.sleep(max(0.0, self._ends_at - time.monotonic()))
                return
            # What is late is made up for: the rate is kept on average.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            act()

    def _box(self) -> SimulatedGateway:
        return self._random.choice(self._boxes)

    async def _jobs(self) -> None:
        def act() -> None:
            box = self._box()
            box.tell(box.desk.send(datetime.now(UTC), self._random))

        await self._now_and_then(self._scenario.jobs_per_hour * len(self._boxes), act)

    async def _taps(self) -> None:
        def act() -> None:
            box = self._box()
            box.tell(box.desk.tap(datetime.now(UTC)))

        await self._now_and_then(self._scenario.taps_per_hour * len(self._boxes), act)

    async def _changes(self) -> None:
        wanted = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(self._change_forever(wanted))
            await self._now_and_then(self._scenario.feed_changes_per_hour, wanted.set)
            worker.cancel()

    async def _change_forever(self, wanted: asyncio.Event) -> None:
        office = self._target.office
        while True:
            await wanted.wait()
            wanted.clear()
            house = self._random.choice(self._houses)
            try:
                changed = await asyncio.to_thread(town.change, office.database, office.vault, house)
            except OperationalError as error:
                # A busy database: one change less, and everything else goes on.
                self._world.figures.on_error(f"a change of the feed: {error.orig}")
                continue
            for change in changed:
                self._world.changed_at[f"{change.card_id}/{change.deleted}"] = time.time()

    async def _flap(self) -> None:
        scenario = self._scenario
        flapping = self._boxes[: round(scenario.flapping_share * len(self._boxes))]
        if not flapping:
            return
        per_hour = 3600 / scenario.flapping_seconds * len(flapping)
        await self._now_and_then(
            per_hour, lambda: self._random.choice(flapping).drop("the line flaps")
        )

    async def _cut(self, cut: Cut) -> None:
        await asyncio.sleep(cut.at_seconds)
        count = round(cut.share * len(self._boxes))
        for box in (chosen := self._random.sample(list(self._boxes), count)):
            box.pull_cable()
        self._say(f"the cables of {count} gateways are pulled for {cut.for_seconds:g} s")
        await asyncio.sleep(cut.for_seconds)
        for box in chosen:
            box.put_cable_back()

    async def _restart_broker(self, restart: BrokerRestart) -> None:
        await asyncio.sleep(restart.at_seconds)
        await asyncio.to_thread(_kill_broker, self._target.broker_pid)
        self._say("the broker was killed")

    async def _tell_progress(self) -> None:
        at_tty = sys.stderr.isatty()
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS_AT_TTY if at_tty else _PROGRESS_SECONDS)
            self._say(self._world.figures.progress())


@contextlib.asynccontextmanager
async def _cancelled_at_end(what: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(what, name="progress")
    try:
        yield
    finally:
        task.cancel()


def _kill_broker(pid_file: Path) -> None:
    pid = processes.read_pid_file(pid_file)
    if pid is None:
        raise RuntimeError(f"no broker runs as {pid_file} says")
    os.kill(pid, signal.SIGKILL)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _memory() -> int:
    """Resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
