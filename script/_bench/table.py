"""The table that a benchmark prints, and its place in docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from load import Load

BOOK = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One load: what each server did, and the ratio of the last to the first."""

    name: str
    cells: tuple[str, ...]
    ratio: str


def loads(name: str, results: Sequence[Load], *, in_bytes: bool) -> Row:
    """A row of jobs per second (or MB/s) with p50 and p99."""
    rates_ = [r.megabytes_per_second if in_bytes else r.jobs_per_second for r in results]
    unit = "MB/s" if in_bytes else "jobs/s"
    cells = tuple(
        f"{rate:,.0f} {unit}, p50 {r.p50_ms:.1f} ms, p99 {r.p99_ms:.1f} ms"
        + (f", {r.refused} refused" if r.refused else "")
        for rate, r in zip(rates_, results, strict=True)
    )
    return Row(name, cells, f"{rates_[-1] / rates_[0]:.1f}x")


def rates(name: str, results: Sequence[tuple[float, float]]) -> Row:
    """A row of (seconds, MB/s)."""
    cells = tuple(f"{rate:,.0f} MB/s, {seconds:.1f} s" for seconds, rate in results)
    return Row(name, cells, f"{results[-1][1] / results[0][1]:.1f}x")


def memory(name: str, megabytes: Sequence[float]) -> Row:
    """A row of peak memory."""
    return Row(name, tuple(f"{value:,.0f} MB" for value in megabytes), "")


def draw(servers: Sequence[str], rows: Sequence[Row]) -> str:
    """Draw the rows as a Markdown table."""
    head = ["load", *servers, "ratio"]
    lines = [head, ["---"] * len(head), *([row.name, *row.cells, row.ratio] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def keep(chapter: str, heading: str, text: str) -> None:
    """Replace the chapter's table in docs/benchmarks.md, between its two markers."""
    book = BOOK.read_text() if BOOK.exists() else "# Benchmarks\n"
    begin, end = f"<!-- {chapter}: table -->", f"<!-- {chapter}: end -->"
    block = f"{begin}\n{heading}\n\n{text}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(book):
        book = pattern.sub(lambda _: block, book)
    else:
        book += f"\n## script/bench {chapter}\n\n{block}\n"
    BOOK.write_text(book)
