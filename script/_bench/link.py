"""``script/bench link``: what the line between gateways and primary carries, and what it costs.

PostgreSQL on a disk, started for the measuring, and everything else on the same cores: the primary,
its Mosquitto and the simulated gateways. Four parts: rows applied per second, a fleet that comes
back after its broker was killed, memory for each gateway, and an idle agent with all services.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from script._bench import link_fleet, link_rows, table
from script._bench.link_fleet import Returned
from script._bench.link_rows import ACCOUNTS, Cost, Crew, Load
from script._bench.spent import Row, say
from tests.support.postgresql import PostgreSql, running

PARTS = ("rows", "fleet", "idle")


@dataclass(slots=True)
class Found:
    """Figures that the last paragraph reckons with."""

    batched: Cost | None = None
    single: Cost | None = None
    fleet: Returned | None = None


def main() -> int:
    """Measure what was asked for, print the table, and keep it when asked to."""
    options = _options()
    found, rows = Found(), list[Row]()
    with running(durable=True) as server:
        for part in options.only or PARTS:
            some = _measure(part, server, options, found)
            say(_draw(some))
            rows += some
    drawn = _draw(rows) + "\n\n" + _what_gives_out(found)
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
        "--workers", type=int, default=2, help="threads that apply rows; a primary has two"
    )
    parser.add_argument("--primaries", type=int, default=1, help="that share the rows")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--keep", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def _measure(part: str, server: PostgreSql, options: argparse.Namespace, found: Found) -> list[Row]:
    if part == "fleet":
        found.fleet = link_fleet.measure(server, options.gateways)
        return found.fleet.rows
    if part == "idle":
        return link_fleet.idle_agent()
    crew = Crew(options.primaries, options.workers)
    batched = Load("rows in messages of up to 500", options.events, 500, 20_000, options.gateways)
    name = "rows in messages of their own, up to 1,000 in a transaction"
    single = Load(name, options.single, 1, 5_000, options.gateways)
    rows, found.batched = link_rows.measure(server, batched, crew)
    more, found.single = link_rows.measure(server, single, crew)
    return rows + more


def _draw(rows: list[Row]) -> str:
    return table.draw(("what", "measured", "goal"), rows)


def _heading(options: argparse.Namespace) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    primaries = "1 primary" if options.primaries == 1 else f"{options.primaries} primaries"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, {os.cpu_count()} cores, "
        f"{platform.platform()}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} at the end: {options.gateways} gateways of {ACCOUNTS} "
        f"accounts, {primaries} with {options.workers} threads applying rows."
    )


def _what_gives_out(found: Found) -> str:
    """Reckon what fifty thousand gateways would need of what was measured."""
    many, facts, beats = 50_000, 50_000 * 10 / 60, 50_000 / 30
    asked = f"{many:,} gateways, each with ten facts a minute and a heartbeat every 30 s"
    rates = f"{facts:,.0f} and {beats:,.0f} a second"
    says = [f"What gives out first on the way to {asked} ({rates}):"]
    if found.single and found.batched:
        alone, together = found.single, found.batched
        says.append(
            f"Facts in messages of their own take {alone.ours:.0f} us of the primary's time each"
            f" (and {alone.database:.0f} us of PostgreSQL's), which is"
            f" {facts * alone.ours / 1e6:.1f} processors; a process uses one (Python's lock), so"
            f" they need {-(-facts * alone.ours // 700_000):.0f} primaries at 70 %. In full"
            f" messages it is {together.ours:.0f} us and {together.database:.0f} us: gateways that"
            " gather for a second or two go much further."
        )
    if found.fleet:
        shook = found.fleet.handshakes
        says.append(
            f"After a broker's restart {shook:.0f} gateways shook hands in the"
            f" busiest second, with both ends on these cores: {many:,} need"
            f" {many / shook / 60:.0f} minutes at that rate and one broker."
        )
        says.append(
            f"Memory, reckoned up: {found.fleet.broker * many / 2**30:.1f} GiB at the broker and"
            f" {found.fleet.primary * many / 2**30:.1f} GiB at the primary."
        )
    return " ".join(says)


if __name__ == "__main__":
    sys.exit(main())
