"""What every test gets: short counts here, full counts in script/soak, honest skips."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from shared import i18n
from tests.support import soak_plugin
from tests.support.counts import is_soak
from tests.support.soak_plugin import PROOF

hypothesis.settings.register_profile("test", deadline=None, max_examples=100)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile("soak" if is_soak() else "test")


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


def pytest_configure(config: pytest.Config) -> None:
    soak_plugin.register(config)


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """No test reads in the language of the one before: a request sets it for its thread."""
    with i18n.reading_as(None):
        yield


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the state folders of the person who runs it."""
    for name in ("SPOOLHOUSE_STATE", "SPOOLHOUSE_DEMO"):
        monkeypatch.delenv(name, raising=False)
