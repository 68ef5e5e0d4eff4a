from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from shared import processes

PARENT = """
import subprocess, sys
from shared.processes import die_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=die_with_parent)
print(child.pid, flush=True)
sys.stdin.read()
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
