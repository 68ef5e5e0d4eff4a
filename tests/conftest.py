"""What every test gets: short counts here, full counts in script/soak, honest skips."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

from tests.support.counts import is_soak, seed

hypothesis.settings.register_profile("test", deadline=None, max_examples=100)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile("soak" if is_soak() else "test")

PROOF = "proof"  # the key of the user property that a test's counts travel in


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to script/soak, and root's tests to root."""
    for item in items:
        if item.get_closest_marker("root") is not None and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: network namespaces or mounts"))
    if not is_soak():
        long = [item for item in items if item.get_closest_marker("soak") is not None]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]


@pytest.fixture
def proof(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Write down what was counted: ``proof("15 kills, 9 of them before an answer")``."""

    def write(sentence: str) -> None:
        record_property(PROOF, sentence)
        print(sentence)

    return write


class ProofPage:
    """Collects what the tests counted and writes docs/proof.md (see script/soak)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self.began = datetime.now(UTC)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and report.skipped:
            self.lines.append(f"| {report.nodeid} | skipped | {_reason(report)} | |")
        if report.when != "call" and not report.failed:
            return
        counted = "; ".join(str(text) for key, text in report.user_properties if key == PROOF)
        self.lines.append(
            f"| {report.nodeid} | {report.outcome} | {counted} | {report.duration:.0f} s |"
        )

    def pytest_sessionfinish(self) -> None:
        ended = datetime.now(UTC)
        head = (
            "# Proof\n\n"
            "What the long counts came to (`script/soak`).\n\n"
            f"- Date: {self.began:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} UTC\n"
            f"- Machine: {os.cpu_count()} cores, {platform.platform()}, "
            f"Python {platform.python_version()}\n"
            f"- Seed: {seed()}\n\n"
            "| test | outcome | counted | took |\n| --- | --- | --- | --- |\n"
        )
        self.path.write_text(head + "\n".join(self.lines) + "\n")


def _reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""


def pytest_configure(config: pytest.Config) -> None:
    if path := os.environ.get("SPOOLHOUSE_PROOF"):
        config.pluginmanager.register(ProofPage(Path(path)), "proof-page")


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the state folders of the person who runs it."""
    for name in ("SPOOLHOUSE_STATE", "SPOOLHOUSE_DEMO"):
        monkeypatch.delenv(name, raising=False)
