"""``script/bench intake``: CUPS and Spoolhouse side by side, same load, same machine, one run.

Both are fresh. CUPS holds the jobs in a raw queue; Spoolhouse is the whole demo with its link up
and holds them in its pull queue. Every job asks to be held, so nothing is printed meanwhile. The
two take turns at each load, and while one is measured the other one's processes are stopped.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from script._bench import cups, disk, load, processes, spoolhouse, table

SMALL = 6 * 1024
LARGE = 1024 * 1024
HUGE = 1024 * 1024 * 1024
WANTED_FREE = 12 * HUGE
MOST_FILL_SECONDS = 240  # a server that is slower has as many held as it could take by then


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two: where to send, and its processes; the first one does the work."""

    name: str
    uri: str
    user: str
    pids: Callable[[], Mapping[str, int]]

    def main_pid(self) -> int:
        return next(iter(self.pids().values()))


@dataclass(slots=True)
class Bench:
    """Puts the same load on both in turn, and collects what to show."""

    cups: Server
    ours: Server
    seconds: int
    scratch: Path
    rows: list[table.Row] = field(default_factory=list)
    spent: dict[str, dict[str, float]] = field(default_factory=dict)
    peaks: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def measure(
        self, name: str, size: int, clients: int, goal: float | None
    ) -> tuple[load.Load, load.Load]:
        """One line of the table."""
        name = f"{name}, {clients} client" + ("s" if clients > 1 else "")
        _say(f"  {name} ...")
        theirs, _ = self._load(self.cups, self.ours, size, clients)
        ours, meter = self._load(self.ours, self.cups, size, clients)
        if ours.jobs:
            self.spent[name] = meter.microseconds_per(ours.jobs)
        self.add(table.loads(name, theirs, ours, in_bytes=size >= LARGE, goal=goal))
        return theirs, ours

    def measure_ours(self, name: str, clients: int) -> load.Load:
        """What Spoolhouse does alone."""
        _say(f"  {name} ...")
        result, meter = self._load(self.ours, self.cups, SMALL, clients)
        self.spent[name] = meter.microseconds_per(max(result.jobs, 1))
        return result

    def huge(self) -> None:
        """One document of 1 GB, chunked."""
        _say("  one document of 1 GB ...")
        rates, cells = [], []
        for server, other in ((self.cups, self.ours), (self.ours, self.cups)):
            with processes.resting(tuple(other.pids().values())):
                spent, rate = load.one_big(server.uri, server.user, HUGE)
            rates.append(rate)
            cells.append(f"{rate:,.0f} MB/s, {spent:.1f} s")
        self.add(table.compared("one document of 1 GB", cells, rates[1], rates[0], 1))

    def fill(self, server: Server, held: int) -> None:
        """Hold so many more jobs; the other one rests."""
        other = self.ours if server is self.cups else self.cups
        end = time.monotonic() + MOST_FILL_SECONDS
        document = load.a_pdf(SMALL)
        with processes.resting(tuple(other.pids().values())):
            while held > 0 and time.monotonic() < end:
                _say(f"  {server.name}: {held:,} more jobs to hold ...")
                held -= load.run(
                    server.uri, server.user, document, 8, 10, scratch=self.scratch
                ).jobs
        if held > 0:
            _say(f"  {server.name}: {held:,} fewer than wanted, it was too slow")

    def note_peaks(self) -> None:
        """Remember the peak memory of both."""
        now = [processes.peak_megabytes(server.main_pid()) for server in (self.cups, self.ours)]
        self.peaks = [max(pair) for pair in zip(self.peaks, now, strict=True)]

    def add(self, row: table.Row) -> None:
        self.rows.append(row)
        _say(f"    {' | '.join((*row.cells, row.ratio, row.goal))}")

    def _load(
        self, server: Server, other: Server, size: int, clients: int
    ) -> tuple[load.Load, processes.Meter]:
        """Put the load on one.

        The meter ends with it: what the gateway tells the primary in the pause after is not its.
        """
        with processes.resting(tuple(other.pids().values())):
            meter = processes.Meter(self.ours.pids())
            done = load.run(
                server.uri,
                server.user,
                load.a_pdf(size),
                clients,
                self.seconds,
                scratch=self.scratch,
            )
            meter.stop()
            return done, meter


def main() -> int:
    """Measure, print the tables, and keep them in docs/benchmarks.md when asked to."""
    options = _options()
    began = time.monotonic()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.scratch)))
        root.chmod(0o755)
        if shutil.disk_usage(root).free < WANTED_FREE:
            _say(f"  {root} has less than {WANTED_FREE >> 30} GB free; some rows may fail")
        _say("  the demo starts ...")
        site = stack.enter_context(spoolhouse.running(root / "demo"))
        bench = Bench(
            Server("CUPS", "", "ada", dict),
            Server("Spoolhouse", site.pull_uri, "ada", site.pids),
            options.seconds,
            root,
        )
        _small_documents(bench, options.held, options.most)
        _large_documents(bench)
        bench.rows.append(table.memory("peak memory of the server", bench.peaks))
        # Told before the cleaning up, which takes minutes where a hundred thousand files are.
        text = table.draw_loads(("CUPS", "Spoolhouse"), bench.rows)
        text += f"\n\n{_disk_alone(bench)}\n\n{table.draw_processors(bench.spent)}"
        print(f"{text}\n\n{(time.monotonic() - began) / 60:.1f} minutes", flush=True)
        if options.keep:
            table.keep("intake", _heading(options), text)
    return 0


def _small_documents(bench: Bench, held: int, most: int) -> None:
    with cups.running(bench.scratch / "cups-small") as (uri, pid):
        bench.cups = Server("CUPS", uri, "ada", lambda: {"cupsd": pid})
        bench.measure("6 KB, empty", SMALL, 1, None)
        _, empty = bench.measure("6 KB, empty", SMALL, 8, 4)
        bench.fill(bench.cups, held)
        bench.fill(bench.ours, held)
        name = f"6 KB, {held:,} held"
        bench.measure(name, SMALL, 1, 3)
        bench.measure(name, SMALL, 8, 10)
        bench.fill(bench.ours, most - held)
        full = bench.measure_ours(f"6 KB, {most:,} held, 8 clients", 8)
        cells = ("not measured", table.load_cell(full, in_bytes=False))
        name = f"6 KB, {most:,} held, 8 clients, to Spoolhouse's own empty queue"
        bench.add(table.compared(name, cells, full.jobs_per_second, empty.jobs_per_second, 0.9))
        bench.note_peaks()


def _large_documents(bench: Bench) -> None:
    # A CUPS that holds tens of thousands of jobs answers no large document for many seconds.
    with cups.running(bench.scratch / "cups-large") as (uri, pid):
        bench.cups = Server("CUPS", uri, "ada", lambda: {"cupsd": pid})
        bench.measure("1 MB", LARGE, 1, None)
        bench.measure("1 MB", LARGE, 4, 2.5)
        bench.huge()
        bench.note_peaks()


def _disk_alone(bench: Bench) -> str:
    with processes.resting(tuple(bench.ours.pids().values())):
        rates = [
            f"{disk.synced_files_per_second(bench.scratch, LARGE, writers) * LARGE / 1e6:,.0f} MB/s"
            for writers in (1, 4)
        ]
    return (
        f"The disk alone, files of 1 MB written and synced: {rates[0]}, four at a time {rates[1]}."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench intake", description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="how long each load lasts")
    parser.add_argument("--held", type=int, default=30_000, help="jobs held before the second half")
    parser.add_argument("--most", type=int, default=100_000, help="jobs held at last")
    parser.add_argument("--scratch", help="a folder on the disk to measure; default: the system's")
    parser.add_argument("--keep", action="store_true", help="write the table to docs/benchmarks.md")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _heading(options: argparse.Namespace) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.platform()}, "
        f"Python {platform.python_version()}, {options.seconds} s a row, "
        f"load {os.getloadavg()[2]:.1f} over the last quarter of an hour (its own included)."
    )


if __name__ == "__main__":
    raise SystemExit(main())
