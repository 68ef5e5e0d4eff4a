"""What the demo says: a plain line with a tick and its time for each step."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from script._demo.children import tail


class StepFailedError(Exception):
    """A step of the story did not come true; ``log`` is where the cause stands."""

    def __init__(self, says: str, log: Path | None = None) -> None:
        super().__init__(says)
        self.log = log


def _can(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _colored(text: str, color: int) -> str:
    return f"\x1b[{color}m{text}\x1b[0m" if sys.stdout.isatty() else text


TICK = _colored("✓" if _can("✓") else "ok", 32)
CROSS = _colored("✗" if _can("✗") else "FAILED", 31)


def say(text: str = "") -> None:
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), flush=True)


class Line:
    """What a step says when it is done; the step fills it while it goes."""

    def __init__(self, says: str) -> None:
        self.says = says


@asynccontextmanager
async def step(name: str, log: Path) -> AsyncIterator[Line]:
    """Tell one step: its line, a tick and how long it took.

    Raises:
        StepFailedError: The step failed; the line is told with a cross.
    """
    line = Line(name)
    began = time.monotonic()
    try:
        yield line
    except Exception as error:
        # The top of a step: whatever went wrong is told here, in words, once.
        say(f"{CROSS} {line.says}: {error}")
        where = error.log if isinstance(error, StepFailedError) and error.log else log
        raise StepFailedError(str(error), where) from error
    took = f"{time.monotonic() - began:.2f} s"
    say(f"{TICK} {line.says}  [{took}]")


def show_log(log: Path | None) -> None:
    """The end of the log where the cause stands."""
    words = tail(log) if log is not None else ""
    if log is None or not words:
        return
    say(f"\nThe end of {log}:\n")
    say(words)
