from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared import processes

PARENT = """
import subprocess, sys
from shared.processes import die_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=die_with_parent)
print(child.pid, flush=True)
sys.stdin.read()
"""

FIRST = """
import os, subprocess, time
from shared.processes import die_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=die_with_parent)
time.sleep(0.3)
print(os.getpid(), child.poll(), flush=True)
child.kill()
"""


def gone_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if processes.start_time(pid) is None:
            return True
        time.sleep(0.01)
    return False


def test_a_child_dies_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes.start_time(child) is not None
        os.kill(parent.pid, signal.SIGKILL)
        assert gone_within(3, child)


def test_a_leftover_is_ended_and_a_stranger_with_its_pid_is_not(tmp_path: Path) -> None:
    path = tmp_path / "child.pid"
    with subprocess.Popen(["sleep", "60"]) as child:
        path.write_text(f"{child.pid} 12345\n")
        assert not processes.end_leftover(path)
        assert child.poll() is None
        processes.write_pid_file(path, child.pid)
        assert processes.end_leftover(path)
        assert child.wait() == -signal.SIGTERM


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a process namespace needs root")
def test_the_first_process_of_a_container_has_children_that_live() -> None:
    started = subprocess.run(
        ["unshare", "--pid", "--fork", sys.executable, "-c", FIRST],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert started.stdout.split() == ["1", "None"]
