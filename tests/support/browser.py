"""Debian's Chromium, and what every page must show in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
AXE_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PANEL: ViewportSize = {"width": 800, "height": 480}
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1440, "height": 960}
_DOES_NOT_FIT = """() => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page is too wide");
    for (const table of document.querySelectorAll(".table-wrap"))
        if (table.scrollWidth > table.clientWidth)
            found.push("a table is cut off: " + table.innerText.slice(0, 60));
    return found.map((what) => `at ${innerWidth}: ${what}`);
}"""
# Heard before any script of the page runs: nothing may be blocked and nothing may pop up.
LISTENER = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
    (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Trouble:
    """What a page did that it must not do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.add_init_script(LISTENER)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def found(self) -> list[str]:
        violations: list[str] = self.page.evaluate("window.violations")
        return [*self.dialogs, *self.errors, *violations]


@contextmanager
def watched_page(browser: Browser, **options: Any) -> Iterator[tuple[Page, Trouble]]:
    """Open a page in its own context; ``Trouble`` hears of dialogs, errors and CSP violations."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(10_000)
    try:
        yield page, Trouble(page)
    finally:
        context.close()


def what_does_not_fit(page: Page) -> list[str]:
    """List what runs out of the viewport: the page, or a table that must be scrolled sideways."""
    return list(page.evaluate(_DOES_NOT_FIT))


def axe_findings(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """List what axe-core finds serious or critical (WCAG 2.2 AA), by all rules or by some."""
    # A script element would meet the page's own policy; the debugger's evaluation does not.
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    result = page.evaluate(
        "which => axe.run(document, {runOnly: which})", list(rules) or AXE_STANDARDS
    )
    return [
        f"{finding['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for finding in result["violations"]
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]


def wait_in_page(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until an expression is true in the page.

    Playwright's own ``wait_for_function`` would poll with eval, which our pages' policy forbids.
    """
    wait_until(lambda: bool(page.evaluate(expression)), expression, seconds)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
