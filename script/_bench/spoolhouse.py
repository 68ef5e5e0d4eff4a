"""The whole demo on fresh state, to be measured: primary, broker, gateway, link up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 240
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Site:
    """A running demo, as its site.json tells."""

    site_json: Path

    @property
    def pull_uri(self) -> str:
        uri: str = self._read()["queues"]["pull"]
        return uri

    def pids(self) -> dict[str, int]:
        """Its programs, by what they are."""
        site = self._read()
        return {part: site[f"{part}_pid"] for part in ("gateway", "primary", "broker")}

    def _read(self) -> dict[str, Any]:
        site: dict[str, Any] = json.loads(self.site_json.read_text())
        return site


@contextmanager
def running(state: Path) -> Iterator[Site]:
    """Run ``script/demo`` on a state folder of its own until the measuring is done.

    Raises:
        RuntimeError: It was not ready in time, or ended by itself; with the end of what it said.
    """
    log = state.with_suffix(".log")
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [str(ROOT / "script" / "demo"), "--skip-story", "--state", str(state)],
            env={**os.environ, "SPOOLHOUSE_DEMO_PORTS": "any"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        site = Site(state / "site.json")
        _wait_until_ready(site.site_json, demo, log)
        yield site
    finally:
        demo.send_signal(signal.SIGTERM)
        try:
            demo.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()


def _wait_until_ready(site_json: Path, demo: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise RuntimeError(f"the demo ended with {demo.returncode}; it said:\n{_end_of(log)}")
        if site_json.exists() and json.loads(site_json.read_text()).get("ready"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the demo was not ready within {START_SECONDS} s; it said:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    """What went wrong, and the last lines."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([*(line for line in lines[:-30] if line.startswith("✗")), *lines[-30:]])
