"""The page docs/proof.md: what each long test counted when it last ran, one row a test.

A section is one file of tests on one machine. A run replaces the rows of the tests it ran and
leaves the others, so the whole is proved in as many runs as one likes. Several runs may write at
once: each row is merged under a lock.
"""

from __future__ import annotations

import ast
import fcntl
import os
import platform
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

PASSED: Final = "passed"
_HEAD: Final = "| test | outcome | counted | took | when (UTC) | commit | seed |"
_RULE: Final = "| --- | --- | --- | --- | --- | --- | --- |"
_CELLS: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Row:
    """What one test came to."""

    test: str  # its name in its file, with parameters
    outcome: str
    counted: str
    took_seconds: int
    at: str
    commit: str
    seed: str

    def __str__(self) -> str:
        counted = " ".join(self.counted.split()).replace("|", "\\|")
        test = f"`{self.test}`".replace("|", "\\|")
        cells = (test, self.outcome, counted, f"{self.took_seconds} s")
        return "| " + " | ".join((*cells, self.at, self.commit, self.seed)) + " |"


def read_row(line: str) -> Row:
    """The other way round."""
    cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1]]
    test, outcome, counted, took, at, commit, seed = cells
    return Row(test.strip("`"), outcome, counted, int(took.split()[0]), at, commit, seed)


@dataclass
class Section:
    """The tests of one file."""

    machine: str
    about: str = ""
    rows: dict[str, Row] = field(default_factory=dict)


Page = dict[str, Section]  # by the path of the file of tests


def machine() -> str:
    """What a section is of; a newer patch of Python is no other machine."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {python}"


def about(path: Path) -> str:
    """The first line of the docstring of a file of tests."""
    with suppress(OSError, SyntaxError):
        return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    return ""


def read(text: str) -> Page:
    page: Page = {}
    section = Section("")
    for line in text.splitlines():
        if line.startswith("## "):
            section = page[line[3:].strip("`")] = Section("")
        elif line.startswith("Machine: "):
            section.machine = line.removeprefix("Machine: ")
        elif line.startswith("| `"):
            row = read_row(line)
            section.rows[row.test] = row
        elif line and page and not line.startswith("|"):
            section.about = line
    return page


def write(page: Page) -> str:
    rows = [row for section in page.values() for row in section.rows.values()]
    outcomes = {row.outcome.partition(":")[0] for row in rows}
    counts = {word: sum(row.outcome.startswith(word) for row in rows) for word in outcomes}
    said = ", ".join(f"{counts[word]} {word}" for word in sorted(counts, key=_passed_first))
    minutes = sum(row.took_seconds for row in rows) // 60
    lines = [
        "# Proof",
        "",
        "What the long counts came to: the last run of each test. `script/soak` writes this page.",
        "",
        f"{len(rows)} tests in {len(page)} files: {said}. Together they took {minutes} minutes.",
    ]
    for path in sorted(page):
        section = page[path]
        lines += ["", f"## `{path}`", "", section.about, "", f"Machine: {section.machine}", ""]
        lines += [_HEAD, _RULE, *map(str, section.rows.values())]
    return "\n".join(lines) + "\n"


def _passed_first(word: str) -> tuple[bool, str]:
    return word != PASSED, word


def change(path: Path, work: Callable[[Page], None]) -> None:
    """Read the page, let ``work`` change it, and put it back whole; one writer at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        page = read(path.read_text()) if path.exists() else {}
        work(page)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(write(page))
        beside.replace(path)
    finally:
        os.close(folder)


def put(path: Path, file: str, row: Row, *, described: str) -> None:
    """Put one row in the place of its forerunner; rows of another machine leave."""

    def work(page: Page) -> None:
        section = page.get(file)
        if section is None or section.machine != machine():
            section = page[file] = Section(machine())
        section.about = described
        section.rows[row.test] = row

    change(path, work)


def keep_only(
    path: Path, known: Collection[tuple[str, str]], *, of: Collection[str] | None = None
) -> None:
    """Drop the rows of tests that there are no more; ``of``: in these files alone."""

    def work(page: Page) -> None:
        for file, section in list(page.items()):
            if of is not None and file not in of:
                continue
            section.rows = {t: row for t, row in section.rows.items() if (file, t) in known}
            if not section.rows:
                del page[file]

    change(path, work)


def list_passed(path: Path) -> set[tuple[str, str]]:
    """File and name of each test whose last run passed."""
    page = read(path.read_text()) if path.exists() else {}
    return {
        (file, row.test)
        for file, section in page.items()
        for row in section.rows.values()
        if row.outcome == PASSED
    }


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
