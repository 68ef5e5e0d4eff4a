"""How often: short counts in script/test, full counts in script/soak; and with which seed."""

from __future__ import annotations

import os
import random


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
