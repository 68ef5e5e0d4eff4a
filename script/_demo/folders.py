"""Where the demo keeps what it makes: everything below one folder."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

VERSION: Final = 4  # of made.json: raised when an older state cannot be told on


class BusyError(Exception):
    """Another demo uses the folder."""


@dataclass(frozen=True)
class Folders:
    """``var/demo`` and what is in it."""

    root: Path

    @property
    def primary(self) -> Path:
        return self.root / "primary"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @property
    def output(self) -> Path:
        return self.root / "printer"

    @property
    def documents(self) -> Path:
        return self.root / "documents"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def site(self) -> Path:
        return self.root / "site.json"

    @property
    def made(self) -> Path:
        return self.root / "made.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def lock(self) -> IO[str]:
        """Keep other demos out for as long as the file is open.

        Raises:
            BusyError: One runs already; the text names its pid.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        file = (self.root / ".lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise BusyError(f"a demo runs already in {self.root} (pid {file.read()})") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def make(self) -> None:
        for folder in (self.primary, self.gateway, self.output, self.documents, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def forget(self) -> None:
        """Delete everything but the lock."""
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != ".lock":
                path.unlink()

    def read_made(self) -> dict[str, Any] | None:
        """What an earlier run made; None when there was none that came to its end."""
        try:
            made: dict[str, Any] = json.loads(self.made.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return made if made.get("version") == VERSION else None


def write_json(path: Path, value: Any) -> None:
    """Write a file for its owner only, whole or not at all."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
    beside.replace(path)
