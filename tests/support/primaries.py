"""A whole primary as people start it: the ``spoolhouse`` command in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.processes import die_with_parent

_START_SECONDS = 180  # on a machine with much else to do; a quiet one needs two
COMMAND = (sys.executable, "-m", "control_plane.cli")


@dataclass
class RunningPrimary:
    """A primary that answers."""

    state: Path
    port: int
    broker_port: int
    process: subprocess.Popen[str]
    said: list[str]

    def get(self, path: str, *, host: str = "localhost") -> tuple[int, str]:
        """Fetch a page, trusting the primary's own authority alone."""
        context = ssl.create_default_context(cafile=str(self.state / "keys" / "ca.pem"))
        asked = urllib.request.Request(
            f"https://localhost:{self.port}{path}", headers={"Host": host}
        )
        try:
            with urllib.request.urlopen(asked, context=context, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def waits_for_first_person(self, timeout_seconds: float = 5) -> bool:
        """Whether it says what to do while nobody is there."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if any("Nobody is here yet" in line for line in self.said):
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def spoolhouse(state: Path, *words: str, stdin: str = "") -> Any:
    """Run one command and read its JSON."""
    done = subprocess.run(
        [*COMMAND, *words, "--state", str(state), "--json"],
        input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def log_of(state: Path) -> Path:
    """Where what it says is kept: beside its state directory."""
    return state.with_name(f"{state.name}.log")


@contextlib.contextmanager
def a_primary(state: Path, *options: str) -> Iterator[RunningPrimary]:
    """Start a primary on ports of its own and end it."""
    with log_of(state).open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, "primary", "--state", str(state), "--listen", "127.0.0.1:0",
             "--broker-port", "0", *options],
            stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    said: list[str] = []
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=listen, daemon=True)
    reader.start()
    try:
        port = _number(lines, r"answers on https://\S+:(\d+)")
        broker_port = _number(lines, r"come to port (\d+)")
        yield RunningPrimary(state, port, broker_port, process, said)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        assert process.stdout is not None
        process.stdout.close()


def _number(lines: queue.Queue[str | None], pattern: str) -> int:
    while (line := lines.get(timeout=_START_SECONDS)) is not None:
        if match := re.search(pattern, line):
            return int(match[1])
    raise RuntimeError("the primary ended before it answered")
