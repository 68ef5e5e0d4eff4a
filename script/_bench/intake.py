"""``script/bench intake``: CUPS and Spoolhouse side by side, same load, same machine, one run.

Both are fresh. CUPS holds the jobs in a raw queue; Spoolhouse is the whole demo with its link up
and holds them in its pull queue. Every job asks to be held, so nothing is printed meanwhile. The
two take turns at each load, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import cups
import load
import spoolhouse
import table

SMALL = 6 * 1024
LARGE = 1024 * 1024
HUGE = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two: where to send, and which process to watch."""

    name: str
    uri: str
    user: str
    pid: Callable[[], int]


def main() -> int:
    """Measure, print the table, and keep it in docs/benchmarks.md when asked to."""
    options = _options()
    rows: list[table.Row] = []
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.scratch)))
        root.chmod(0o755)
        cups_uri, cups_pid = stack.enter_context(cups.running(root / "cups"))
        site = stack.enter_context(spoolhouse.running(root / "demo"))
        servers = (
            Server("CUPS", cups_uri, "ada", lambda: cups_pid),
            Server("Spoolhouse", site.pull_uri, "ada", site.gateway_pid),
        )
        measure = Measure(servers, options.seconds, root)
        rows += [measure.row(f"6 KB, empty, {_clients(n)}", SMALL, n) for n in (1, 8)]
        _fill(servers, options.held, root)
        held = f"{options.held:,} held"
        rows += [measure.row(f"6 KB, {held}, {_clients(n)}", SMALL, n) for n in (1, 8)]
        rows += [measure.row(f"1 MB, {_clients(n)}", LARGE, n) for n in (1, 4)]
        rows.append(_huge(servers))
        rows.append(table.memory("peak memory", [_peak(server.pid()) for server in servers]))
    text = table.draw([server.name for server in servers], rows)
    print(text)
    if options.keep:
        table.keep("intake", _heading(), text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench intake", description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="how long each load lasts")
    parser.add_argument("--held", type=int, default=30_000, help="jobs held before the second half")
    parser.add_argument("--scratch", help="a folder on the disk to measure; default: the system's")
    parser.add_argument("--keep", action="store_true", help="write the table to docs/benchmarks.md")
    return parser.parse_args()


@dataclass(frozen=True, slots=True)
class Measure:
    """Puts the same load on each server in turn."""

    servers: tuple[Server, ...]
    seconds: int
    scratch: Path

    def row(self, name: str, size: int, clients: int) -> table.Row:
        """One line of the table."""
        print(f"  {name} ...", file=sys.stderr, flush=True)
        document = load.a_pdf(size)
        results = [
            load.run(s.uri, s.user, document, clients, self.seconds, scratch=self.scratch)
            for s in self.servers
        ]
        row = table.loads(name, results, in_bytes=size >= LARGE)
        print(f"    {' | '.join(row.cells)} | {row.ratio}", file=sys.stderr, flush=True)
        return row


def _clients(number: int) -> str:
    return f"{number} client" + ("s" if number > 1 else "")


def _fill(servers: tuple[Server, ...], held: int, root: Path) -> None:
    document = load.a_pdf(SMALL)
    for server in servers:
        missing = held
        while missing > 0:
            print(
                f"  {server.name}: {missing:,} more jobs to hold ...", file=sys.stderr, flush=True
            )
            part = load.run(server.uri, server.user, document, 8, 5, scratch=root)
            missing -= int(part.jobs_per_second * 5)


def _huge(servers: tuple[Server, ...]) -> table.Row:
    print("  one document of 1 GB ...", file=sys.stderr, flush=True)
    return table.rates("one document of 1 GB", [load.one_big(s.uri, s.user, HUGE) for s in servers])


def _peak(pid: int) -> float:
    """Peak resident memory of one process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} says nothing about its memory")


def _heading() -> str:
    processor = platform.processor() or platform.machine()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({processor}), "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
