"""One demo for all scenarios of a worker: started once, used by many."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.demo_api import Program
from tests.support.demo_site import TAKEN_AWAY_SECONDS, DemoSite, running_demo


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    with running_demo(tmp_path_factory.mktemp("demo")) as site:
        time.sleep(TAKEN_AWAY_SECONDS)  # The story ended with a tap: the card is taken away.
        yield site


@pytest.fixture
def demo(_running: DemoSite) -> DemoSite:
    """The demo with nothing waiting: what one test left does not come out at another's tap."""
    Program(_running, "alder").cancel_what_waits()
    return _running
