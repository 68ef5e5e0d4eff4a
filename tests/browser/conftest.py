from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Per module: Playwright's loop must be gone before an asynchronous test of another module.
    with chromium() as running:
        yield running
