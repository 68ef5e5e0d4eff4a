"""How often: short counts in script/test, full counts in script/soak; and with which seed."""

from __future__ import annotations

import os
import random
from typing import Final

_PROGRESS: Final = [""]


def is_soak() -> bool:
    return os.environ.get("SPOOLHOUSE_SOAK") == "1"


def count(short: int, full: int) -> int:
    """Pick the count of this run; mark the test ``scaled`` so that script/soak takes it."""
    return full if is_soak() else short


def seed() -> int:
    """The seed of this run: ``SPOOLHOUSE_SEED``, or one that never changes."""
    return int(os.environ.get("SPOOLHOUSE_SEED", "20261122"))


def randomness(name: str) -> random.Random:
    """A generator for one test: same seed and name, same numbers."""
    return random.Random(f"{seed()}/{name}")


def progress(done: int, total: int, what: str = "") -> None:
    """Note how far a long test has come; script/soak says it once a minute."""
    _PROGRESS[0] = f"{done} of {total} {what}".rstrip()


def progress_so_far() -> str:
    return _PROGRESS[0]


def forget_progress() -> None:
    _PROGRESS[0] = ""
