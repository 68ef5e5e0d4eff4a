"""The demo's supervisor: a dead child comes back, and nothing is left when we go."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from script._demo.children import Child, find_child, tail

SLEEPS = ["sleep", "600"]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


async def until(condition: object, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if callable(condition) and condition():
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.fixture
def starts() -> list[None]:
    return []


def a_child(tmp_path: Path, starts: list[None], *argv: str) -> Child:
    return Child("child", argv or SLEEPS, tmp_path / "log", lambda: starts.append(None))


async def test_a_killed_child_is_back_within_three_seconds(
    tmp_path: Path, starts: list[None]
) -> None:
    child = a_child(tmp_path, starts)
    keeper = asyncio.create_task(child.keep())
    assert await until(lambda: child.pid is not None)
    first = child.pid
    assert first is not None
    assert os.getpgid(first) == first

    os.kill(first, signal.SIGKILL)

    assert await until(lambda: child.pid not in {None, first}, 3)
    keeper.cancel()
    await asyncio.wait([keeper])
    assert child.pid is None
    assert len(starts) == 2


async def test_a_stopped_child_stays_stopped_until_it_may_go_on(
    tmp_path: Path, starts: list[None]
) -> None:
    child = a_child(tmp_path, starts)
    keeper = asyncio.create_task(child.keep())
    await until(lambda: child.pid is not None)

    await child.stop()
    await asyncio.sleep(0.4)
    stopped = child.pid
    child.go()
    again = await until(lambda: child.pid is not None)
    keeper.cancel()
    await asyncio.wait([keeper])

    assert stopped is None
    assert again
    assert child.deaths == 0


async def test_what_a_child_started_dies_with_it(tmp_path: Path, starts: list[None]) -> None:
    child = a_child(tmp_path, starts, "sh", "-c", "sleep 601 & wait")
    keeper = asyncio.create_task(child.keep())
    assert await until(lambda: child.pid is not None and find_child(child.pid, "sleep"))
    assert child.pid is not None
    grandchild = find_child(child.pid, "sleep")
    assert grandchild is not None

    os.kill(child.pid, signal.SIGKILL)
    gone = await until(lambda: not is_alive(grandchild))

    keeper.cancel()
    await asyncio.wait([keeper])
    assert gone


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from script._demo.children import Child
def started(): print(child.process.pid, flush=True)
child = Child("child", ["sh", "-c", "trap '' TERM; sleep 602"], Path(sys.argv[1]), started)
asyncio.run(child.keep())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_is_alive_five_seconds_after_the_supervisor(
    tmp_path: Path, number: signal.Signals
) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Whoever runs the tests in the background hands an ignored SIGINT down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    assert is_alive(pid)

    supervisor.send_signal(number)

    assert await until(lambda: not is_alive(pid))
    supervisor.stdout.close()
    supervisor.wait(5)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert tail(log, 2) == "line 98\nline 99"
    assert tail(tmp_path / "none") == ""
