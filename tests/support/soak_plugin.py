"""What script/soak adds to pytest: rows for docs/proof.md, and a line a minute on how far it is."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from tests.support import counts, proof

ROOT: Final = Path(__file__).resolve().parents[2]
PROOF: Final = "proof"  # the key of the user property that a test's counts travel in


class ProofRows:
    """Writes each test's row as soon as it ends: a run that is broken off keeps what it did."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._commit = os.environ.get("SPOOLHOUSE_COMMIT", "unknown")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        skipped = report.when == "setup" and report.skipped
        if not skipped and report.when != "call" and not report.failed:
            return
        counted = [str(text) for key, text in report.user_properties if key == PROOF]
        file, _, test = report.nodeid.partition("::")
        row = proof.Row(
            test=test,
            outcome=report.outcome,
            counted=_reason(report) if skipped else "; ".join(counted),
            took_seconds=round(report.duration),
            at=proof.now(),
            commit=self._commit,
            seed=str(counts.seed()),
        )
        proof.put(self._path, file, row, described=proof.about(ROOT / file))


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""


class Minutes:
    """Says once a minute which test runs, for how long, and how far it has come."""

    def __init__(self, descriptor: int, every_seconds: float) -> None:
        self._out = descriptor
        self._every = every_seconds
        self._done = self._total = 0
        self._test, self._since = "", time.monotonic()
        self._over = threading.Event()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._total = len(session.items)
        threading.Thread(target=self._tell, name="soak-progress", daemon=True).start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        counts.forget_progress()
        self._test, self._since = nodeid.partition("::")[2], time.monotonic()

    def pytest_runtest_logfinish(self) -> None:
        self._done += 1

    def pytest_sessionfinish(self) -> None:
        self._over.set()

    def _tell(self) -> None:
        while not self._over.wait(self._every):
            os.write(self._out, f"{self.line()}\n".encode())

    def line(self) -> str:
        """As in ``soak: 18:31 test 2 of 5, test_kills for 4 min: 120 of 300``."""
        minutes = (time.monotonic() - self._since) / 60
        so_far = counts.progress_so_far()
        return (
            f"soak: {time.strftime('%H:%M')} test {min(self._done + 1, self._total)} of"
            f" {self._total}, {self._test} for {minutes:.0f} min{': ' if so_far else ''}{so_far}"
        )


def register(config: pytest.Config) -> None:
    """Add what the environment asks for (see script/soak); not so in what the tests start."""
    if path := os.environ.pop("SPOOLHOUSE_PROOF", ""):
        config.pluginmanager.register(ProofRows(Path(path)), "proof-rows")
    if descriptor := os.environ.pop("SPOOLHOUSE_PROGRESS_FD", ""):
        every = float(os.environ.get("SPOOLHOUSE_PROGRESS_SECONDS", "60"))
        config.pluginmanager.register(Minutes(int(descriptor), every), "soak-minutes")
