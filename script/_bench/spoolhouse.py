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
START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Site:
    """A running demo, as its site.json tells."""

    site_json: Path

    @property
    def pull_uri(self) -> str:
        uri: str = self._read()["queues"]["pull"]
        return uri

    def gateway_pid(self) -> int:
        pid: int = self._read()["gateway_pid"]
        return pid

    def _read(self) -> dict[str, Any]:
        site: dict[str, Any] = json.loads(self.site_json.read_text())
        return site


@contextmanager
def running(state: Path) -> Iterator[Site]:
    """Run ``script/demo`` on a state folder of its own until the measuring is done.

    Raises:
        RuntimeError: It was not ready in time, or ended by itself.
    """
    demo = subprocess.Popen(
        [str(ROOT / "script" / "demo")],
        env={**os.environ, "SPOOLHOUSE_DEMO": str(state), "SPOOLHOUSE_DEMO_PORTS": "any"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        site = Site(state / "site.json")
        _wait_until_ready(site.site_json, demo)
        yield site
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(timeout=20)


def _wait_until_ready(site_json: Path, demo: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise RuntimeError(f"the demo ended with {demo.returncode}; run script/demo --once")
        if site_json.exists() and json.loads(site_json.read_text()).get("ready"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the demo was not ready within {START_SECONDS} s")
