"""The tables that a benchmark prints, and their place in docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from script._bench.load import Load

BOOK = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"
MOST_MEGABYTES = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One load: what each server did, the ratio, and what the ratio should be."""

    name: str
    cells: tuple[str, ...]
    ratio: str = ""
    goal: str = ""


def load_cell(result: Load, *, in_bytes: bool) -> str:
    """Jobs per second (or MB/s) with p50 and p99."""
    if not result.jobs:
        return f"answered nothing in {result.seconds:.0f} s"
    rate = result.megabytes_per_second if in_bytes else result.jobs_per_second
    unit = "MB/s" if in_bytes else "jobs/s"
    refused = f", {result.refused} refused" if result.refused else ""
    return f"{rate:,.0f} {unit}, p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms{refused}"


def loads(name: str, theirs: Load, ours: Load, *, in_bytes: bool, goal: float | None) -> Row:
    """A row of two loads, the ratio of ours to theirs."""
    cells = tuple(load_cell(result, in_bytes=in_bytes) for result in (theirs, ours))
    return Row(name, cells, *_compared(ours.jobs_per_second, theirs.jobs_per_second, goal))


def compared(name: str, cells: Sequence[str], ours: float, theirs: float, goal: float) -> Row:
    """A row of two figures."""
    return Row(name, tuple(cells), *_compared(ours, theirs, goal))


def memory(name: str, megabytes: Sequence[float]) -> Row:
    """A row of peak memory; the last is ours."""
    reached = "yes" if megabytes[-1] < MOST_MEGABYTES else "no"
    cells = tuple(f"{value:,.0f} MB" for value in megabytes)
    return Row(name, cells, "", f"under {MOST_MEGABYTES} MB: {reached}")


def _compared(ours: float, theirs: float, goal: float | None) -> tuple[str, str]:
    if not theirs:
        return "-", "" if goal is None else f"{goal:g}x: cannot be told"
    ratio = ours / theirs
    reached = "" if goal is None else f"{goal:g}x: {'yes' if ratio >= goal else 'no'}"
    return f"{ratio:.2f}x", reached


def draw(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw_loads(servers: Sequence[str], rows: Sequence[Row]) -> str:
    """Draw what the servers did."""
    lines = [(row.name, *row.cells, row.ratio, row.goal) for row in rows]
    return draw(["load", *servers, "ratio", "goal"], lines)


def draw_processors(spent: Mapping[str, Mapping[str, float]]) -> str:
    """Draw processor microseconds per job: a line for each load, a column for each process."""
    names = list(dict.fromkeys(name for line in spent.values() for name in line))
    lines = [
        [load, *(f"{line[name]:,.0f}" if name in line else "" for name in names)]
        for load, line in spent.items()
    ]
    return draw(["microseconds per job", *names], lines)


def keep(chapter: str, heading: str, text: str) -> None:
    """Replace the chapter's tables in docs/benchmarks.md, between its two markers."""
    book = BOOK.read_text() if BOOK.exists() else "# Benchmarks\n"
    begin, end = f"<!-- {chapter}: table -->", f"<!-- {chapter}: end -->"
    block = f"{begin}\n{heading}\n\n{text}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(book):
        book = pattern.sub(lambda _: block, book)
    else:
        book += f"\n## script/bench {chapter}\n\n{block}\n"
    BOOK.write_text(book)
