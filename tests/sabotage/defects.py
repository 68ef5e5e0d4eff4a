"""The list of one-line defects, and how one is put into a tree."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Defect:
    """One line that is wrong, and the test that must notice."""

    name: str
    file: str
    line: str  # without its indentation; stands exactly once in the file
    becomes: str
    test: str

    def find(self, tree: Path) -> int:
        """The line's number, from 0.

        Raises:
            ValueError: It stands there not once.
        """
        lines = [line.strip() for line in (tree / self.file).read_text().splitlines()]
        if lines.count(self.line) != 1:
            raise ValueError(f"{self.file}: {lines.count(self.line)} times: {self.line}")
        return lines.index(self.line)

    def put_into(self, tree: Path) -> str:
        """Make the file wrong; gives back what it was."""
        number, path = self.find(tree), tree / self.file
        was = path.read_text()
        lines = was.splitlines(keepends=True)
        indentation = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        lines[number] = f"{indentation}{self.becomes}\n"
        path.write_text("".join(lines))
        return was


def every_defect() -> list[Defect]:
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    return [Defect(**item) for item in read["defect"]]
