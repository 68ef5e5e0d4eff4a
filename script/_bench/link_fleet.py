"""A fleet that comes back after its broker was killed, memory per gateway, and an idle agent."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from control_plane.database import Database
from control_plane.pki.keys import KeyRing
from control_plane.simulate import fleet
from control_plane.simulate.fleet import Outcome, Target
from control_plane.simulate.identities import Office
from control_plane.simulate.scenario import BrokerRestart, Scenario
from control_plane.vault import Vault
from script._bench import spoolhouse
from script._bench.link_rows import ACCOUNTS
from script._bench.spent import Row, memory, say, tree_time
from tests.support.postgresql import PostgreSql
from tests.support.primaries import a_primary

IDLE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Returned:
    """What the fleet showed: rows for the table, and what is reckoned with."""

    rows: list[Row]
    handshakes: float  # in the busiest second
    primary: float  # bytes for each connected gateway
    broker: float


def measure(server: PostgreSql, gateways: int) -> Returned:
    """Connect a fleet, kill its broker, and see it come back.

    Raises:
        RuntimeError: Something was lost, doubled or parked, or somebody did not come back.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        url = server.new_database()
        with a_primary(state, "--database", url) as primary:
            database = Database(url)
            keys = state / "keys"
            office = Office(
                database, Vault.open_or_create(keys), KeyRing.open_or_create(keys),
                state / "simulate", f"https://localhost:{primary.port}",
            )  # fmt: skip
            pid_file = state / "broker" / "mosquitto.pid"
            target = Target(office, "localhost", primary.broker_port, pid_file, https=True)
            before = memory(primary.process.pid), memory(_broker(pid_file))
            watch = _Watch(primary.process.pid, pid_file)
            calm = Scenario(
                "calm", gateways=gateways, accounts=ACCOUNTS, seconds=20,
                ramp_seconds=8, jobs_per_hour=0, taps_per_hour=0, feed_changes_per_hour=0,
            )  # fmt: skip
            asyncio.run(_watched(calm, target, watch))
            rough = Scenario(
                "rough", gateways=gateways, accounts=ACCOUNTS, seconds=40,
                ramp_seconds=8, jobs_per_hour=120, taps_per_hour=60, feed_changes_per_hour=600,
                broker_restarts=(BrokerRestart(20),), settle_seconds=90,
            )  # fmt: skip
            outcome = asyncio.run(fleet.run(rough, target, say))
            database.close()
    if not outcome.is_well:
        raise RuntimeError(f"the fleet: {outcome.table()}")
    return Returned(
        [*_memory_rows(before, watch, gateways), *_fleet_rows(outcome)],
        outcome.figures.most_handshakes,
        (watch.primary - before[0]) / gateways,
        (watch.broker - before[1]) / gateways,
    )


def _fleet_rows(outcome: Outcome) -> list[Row]:
    figures = outcome.figures
    attempts = (figures.attempts - figures.gateways) / max(1, figures.gateways)
    back = figures.back_latency
    return [
        (
            f"{figures.gateways} gateways after the broker was killed: answered again",
            f"half after {back.percentile(50):.1f} s, all after {back.longest:.1f} s",
            "",
        ),
        ("TLS handshakes in the busiest second", f"{figures.most_handshakes}", ""),
        ("attempts of each gateway to come back", f"{attempts:.1f}", ""),
        ("sent to acknowledged meanwhile", figures.ack_latency.text(), ""),
        ("changed to known at a gateway meanwhile", figures.feed_latency.text(), ""),
        ("lost, doubled, parked", "0, 0, 0", "0, 0, 0"),
    ]


@dataclass
class _Watch:
    """The memory of primary and broker while a fleet is connected."""

    primary_pid: int
    broker_pid: Path
    primary: int = 0
    broker: int = 0

    def look(self) -> None:
        self.primary = memory(self.primary_pid)
        self.broker = memory(_broker(self.broker_pid))


async def _watched(scenario: Scenario, target: Target, watch: _Watch) -> None:
    task = asyncio.create_task(fleet.run(scenario, target, say))
    while not task.done():
        await asyncio.wait([task], timeout=1)
        # The last look is one at a fleet that is connected.
        if not task.done():
            watch.look()
    await task


def _memory_rows(before: tuple[int, int], watch: _Watch, gateways: int) -> list[Row]:
    found = (("primary", before[0], watch.primary), ("broker", before[1], watch.broker))
    return [
        (
            f"memory of the {name} for each connected gateway",
            f"{(now - then) / gateways / 1024:.0f} KiB, {now / 2**20:.0f} MiB in all",
            "",
        )
        for name, then, now in found
    ]


def _broker(pid_file: Path) -> int:
    return int(pid_file.read_text().split()[0])


def idle_agent() -> list[Row]:
    """The gateway of script/demo, with all its services, when nothing happens."""
    with tempfile.TemporaryDirectory() as folder, spoolhouse.running(Path(folder) / "demo") as site:
        pid = site.pids()["gateway"]
        time.sleep(IDLE_SECONDS / 2)
        began, spent = time.monotonic(), tree_time(pid)
        time.sleep(IDLE_SECONDS)
        share = (tree_time(pid) - spent) / (time.monotonic() - began) * 100
        resident = memory(pid) / 2**20
    return [
        ("idle agent with all services: memory", f"{resident:.0f} MiB", "96 MiB"),
        ("idle agent with all services: processor", f"{share:.1f} %", "1 %"),
    ]
