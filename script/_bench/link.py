"""``script/bench link``: what the line between gateways and primary carries, and what it costs.

PostgreSQL on a disk, started for the measuring, and everything else on the same cores: the primary,
its Mosquitto and the simulated gateways. Four parts: rows applied per second, a fleet that comes
back after its broker was killed, memory for each gateway, and an idle agent with all services.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import spoolhouse
import table

from control_plane import schema
from control_plane.database import Database
from control_plane.ingest import marks
from control_plane.ingest.listener import LinkSettings, Listener, Message, portion
from control_plane.pki.certificates import CertificateFiles
from control_plane.pki.keys import KeyRing
from control_plane.simulate import fleet, identities, ledger, town
from control_plane.simulate.fleet import Outcome, Target
from control_plane.simulate.identities import Office
from control_plane.simulate.outbox import Outbox
from control_plane.simulate.scenario import BrokerRestart, Scenario
from control_plane.simulate.work import Desk, House, Ledger
from control_plane.vault import Vault
from shared.ids import GatewayId
from shared.messages.envelope import Lane
from shared.messages.topics import Up
from shared.mqtt import Delivery
from tests.support.postgresql import PostgreSql, running
from tests.support.primaries import a_primary

ACCOUNTS = 10
REPEATED = 0.05  # of the messages come twice, as after a lost acknowledgement
IDLE_SECONDS = 30
Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Spent:
    """Time on the wall, and of processors: ours and the database's."""

    wall: float
    ours: float
    database: float


FOUND: dict[str, float] = {}  # figures that the last paragraph reckons with


def main() -> int:
    """Measure what was asked for, print the table, and keep it when asked to."""
    options = _options()
    parts = {
        "rows": lambda server: _rows_applied(server, options),
        "fleet": lambda server: _fleet(server, options),
        "idle": lambda _server: _idle_agent(),
    }
    wanted = options.only or list(parts)
    rows: list[Row] = []
    with running(durable=True) as server:
        for name in wanted:
            found = parts[name](server)
            _say(_draw(found))
            rows += found
    drawn = _draw(rows) + "\n\n" + _what_gives_out()
    print(drawn)
    if options.keep:
        table.keep("link", _heading(options), drawn)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench link", description=__doc__)
    parser.add_argument("--gateways", type=int, default=200)
    parser.add_argument("--events", type=int, default=200_000, help="in messages of 500")
    parser.add_argument("--single", type=int, default=40_000, help="in messages of their own")
    parser.add_argument(
        "--workers", type=int, default=1, help="threads that apply rows; a primary has one"
    )
    parser.add_argument("--only", action="append", choices=("rows", "fleet", "idle"))
    parser.add_argument("--keep", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


# --- rows applied --------------------------------------------------------------------------------


def _rows_applied(server: PostgreSql, options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    for name, events, most_rows, goal in (
        ("rows in messages of up to 500", options.events, 500, 20_000),
        ("rows in messages of their own, up to 500 in a transaction", options.single, 1, 5_000),
    ):
        with _installation(server) as office:
            rows += _apply(server, office, options, (name, events, most_rows, goal))
    return rows


def _apply(
    server: PostgreSql,
    office: Office,
    options: argparse.Namespace,
    load: tuple[str, int, int, int],
) -> list[Row]:
    name, events, most_rows, goal = load
    houses = town.prepare(office.database, office.vault, ACCOUNTS)
    ids = [
        each.gateway_id
        for each in asyncio.run(
            identities.enrol_fleet(office, houses, options.gateways, over_https=False)
        )[0]
    ]
    told = Ledger()
    by_gateway = _messages(office.database, ids, houses, told, events=events, most_rows=most_rows)
    listener = _listener(office)
    # As the broker delivers them: each gateway's in its order, all gateways' in turns.
    shares = [_in_turns(by_gateway[n :: options.workers]) for n in range(options.workers)]
    with _spending(server) as spent:
        threads = [threading.Thread(target=_work, args=(listener, share)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with office.database.reading() as session:
        verdict = ledger.compare(session, told, ids)
    if not verdict.is_well:
        raise RuntimeError(f"{name}: {verdict}")
    cost = spent[0]
    each = 1e6 / told.facts
    FOUND["single" if most_rows == 1 else "batched"] = cost.ours * each
    FOUND["database " + ("single" if most_rows == 1 else "batched")] = cost.database * each
    return [
        (name, f"{told.facts / cost.wall:,.0f}/s", f"{goal:,}/s"),
        (
            "processor time for each",
            f"{cost.ours * each:.0f} us ours, {cost.database * each:.0f} us PostgreSQL's",
            f"{2e6 / goal:.0f} us of both on 2 cores",
        ),
        ("lost, doubled, parked (one message in twenty came twice)", "0, 0, 0", "0, 0, 0"),
    ]


def _messages(
    database: Database,
    ids: Sequence[GatewayId],
    houses: Sequence[House],
    told: Ledger,
    *,
    events: int,
    most_rows: int,
) -> list[list[Message]]:
    """What each gateway has to tell, as it travels; a job of seven facts after the other."""
    random, found = Random(1), list[list[Message]]()
    for n, gateway_id in enumerate(ids):
        desk, box = Desk(houses[n % len(houses)]), Outbox(gateway_id, Lane.FACTS)
        with database.writing() as session:
            marks.on_hello(session, gateway_id, Lane.FACTS, box.hello(""))
        now = datetime.now(UTC)
        while box.last < events // len(ids):
            for fact in (*desk.send(now, random), *desk.tap(now)):
                box.append(fact)
                told.note(fact)
        messages, after = list[Message](), 0
        while sent := box.batch(after, most_rows):
            again = 2 if random.random() < REPEATED else 1
            delivery = Delivery("", sent.payload, lambda: None)
            messages += [Message(gateway_id, Up.FACTS, delivery)] * again
            after = sent.last
        found.append(messages)
    return found


def _in_turns(queues: Sequence[list[Message]]) -> list[Message]:
    longest = max(len(queue) for queue in queues)
    return [queue[n] for n in range(longest) for queue in queues if n < len(queue)]


def _listener(office: Office) -> Listener:
    """One without a connection: what it says is made and signed, and goes nowhere."""
    files = CertificateFiles(office.folder / "none", office.folder / "none")
    settings = LinkSettings(1, "bench", files, office.folder / "none")
    return Listener(settings, office.database, office.keys.signer)


def _work(listener: Listener, messages: Sequence[Message]) -> None:
    waiting = iter(messages)
    while (first := next(waiting, None)) is not None:
        listener.process(portion(first, lambda: next(waiting, None)))


@contextmanager
def _installation(server: PostgreSql) -> Iterator[Office]:
    """A primary's database and keys, and no primary."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        database = Database(server.new_database())
        schema.migrate(database)
        vault, keys = Vault.open_or_create(state / "keys"), KeyRing.open_or_create(state / "keys")
        try:
            yield Office(database, vault, keys, state / "simulate", "https://localhost")
        finally:
            database.close()


@contextmanager
def _spending(server: PostgreSql) -> Iterator[list[Spent]]:
    spent: list[Spent] = []
    wall, ours, theirs = time.perf_counter(), _own_time(), _tree_time(server.pid)
    yield spent
    spent.append(
        Spent(time.perf_counter() - wall, _own_time() - ours, _tree_time(server.pid) - theirs)
    )


def _own_time() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _tree_time(pid: int) -> float:
    """Processor seconds of a process, its children, and those of them that ended."""
    total = sum(int(n) for n in _stat(pid)[11:15])
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        total += sum(int(n) for n in _stat(int(child))[11:13])
    return total / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


# --- a fleet that comes back ---------------------------------------------------------------------


def _fleet(server: PostgreSql, options: argparse.Namespace) -> list[Row]:
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
            before = _memory(primary.process.pid), _memory(_broker(pid_file))
            watch = _Watch(primary.process.pid, pid_file)
            calm = Scenario(
                "calm", gateways=options.gateways, accounts=ACCOUNTS, seconds=20,
                ramp_seconds=8, jobs_per_hour=0, taps_per_hour=0, feed_changes_per_hour=0,
            )  # fmt: skip
            asyncio.run(_watched(calm, target, watch))
            rough = Scenario(
                "rough", gateways=options.gateways, accounts=ACCOUNTS, seconds=40,
                ramp_seconds=8, jobs_per_hour=120, taps_per_hour=60, feed_changes_per_hour=600,
                broker_restarts=(BrokerRestart(20),), settle_seconds=90,
            )  # fmt: skip
            outcome = asyncio.run(fleet.run(rough, target, _say))
            database.close()
    if not outcome.is_well:
        raise RuntimeError(f"the fleet: {outcome.table()}")
    return [*_memory_rows(before, watch, options.gateways), *_fleet_rows(outcome)]


def _fleet_rows(outcome: Outcome) -> list[Row]:
    figures = outcome.figures
    attempts = (figures.attempts - figures.gateways) / max(1, figures.gateways)
    back = figures.back_latency
    FOUND["handshakes"] = figures.most_handshakes
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
        self.primary = _memory(self.primary_pid)
        self.broker = _memory(_broker(self.broker_pid))


async def _watched(scenario: Scenario, target: Target, watch: _Watch) -> None:
    task = asyncio.create_task(fleet.run(scenario, target, _say))
    while not task.done():
        await asyncio.wait([task], timeout=1)
        # The last look is one at a fleet that is connected.
        if not task.done():
            watch.look()
    await task


def _memory_rows(before: tuple[int, int], watch: _Watch, gateways: int) -> list[Row]:
    found = (("primary", before[0], watch.primary), ("broker", before[1], watch.broker))
    FOUND.update({name: (now - then) / gateways for name, then, now in found})
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


def _memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no memory")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- an idle agent ------------------------------------------------------------------------------


def _idle_agent() -> list[Row]:
    """The gateway of script/demo, with all its services, when nothing happens."""
    with tempfile.TemporaryDirectory() as folder, spoolhouse.running(Path(folder) / "demo") as site:
        pid = site.pids()["gateway"]
        time.sleep(IDLE_SECONDS / 2)
        began, spent = time.monotonic(), _tree_time(pid)
        time.sleep(IDLE_SECONDS)
        share = (_tree_time(pid) - spent) / (time.monotonic() - began) * 100
        memory = _memory(pid) / 2**20
    return [
        ("idle agent with all services: memory", f"{memory:.0f} MiB", "96 MiB"),
        ("idle agent with all services: processor", f"{share:.1f} %", "1 %"),
    ]


# --- the table ----------------------------------------------------------------------------------


def _draw(rows: Sequence[Row]) -> str:
    lines = [("what", "measured", "goal"), ("---", "---", "---"), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _heading(options: argparse.Namespace) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, {os.cpu_count()} cores, "
        f"{platform.platform()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the end: {options.gateways} gateways of {ACCOUNTS} "
        f"accounts, {options.workers} of the primary's threads applying rows."
    )


def _what_gives_out() -> str:
    """Reckon what fifty thousand gateways would need of what was measured."""
    many, facts, beats = 50_000, 50_000 * 10 / 60, 50_000 / 30
    asked = f"{many:,} gateways, each with ten facts a minute and a heartbeat every 30 s"
    rates = f"{facts:,.0f} and {beats:,.0f} a second"
    says = [f"What gives out first on the way to {asked} ({rates}):"]
    if "single" in FOUND:
        alone, together = FOUND["single"], FOUND["batched"]
        says.append(
            f"Facts in messages of their own take {alone:.0f} us of the primary's time each (and"
            f" {FOUND['database single']:.0f} us of PostgreSQL's), which is"
            f" {facts * alone / 1e6:.1f} processors; a process uses one (Python's lock), so they"
            f" need {-(-facts * alone // 700_000):.0f} primaries at 70 %. In full messages it is"
            f" {together:.0f} us and {FOUND['database batched']:.0f} us: gateways that gather for a"
            " second or two go much further."
        )
    if "handshakes" in FOUND:
        says.append(
            f"After a broker's restart {FOUND['handshakes']:.0f} gateways shook hands in the"
            f" busiest second, with both ends on these cores: {many:,} need"
            f" {many / FOUND['handshakes'] / 60:.0f} minutes at that rate and one broker."
        )
    if "broker" in FOUND:
        says.append(
            f"Memory, reckoned up: {FOUND['broker'] * many / 2**30:.1f} GiB at the broker and"
            f" {FOUND['primary'] * many / 2**30:.1f} GiB at the primary."
        )
    return " ".join(says)


if __name__ == "__main__":
    sys.exit(main())
