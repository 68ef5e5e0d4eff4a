"""CUPS's own ipptool files, in the order a person would use them, as Ada."""

from __future__ import annotations

from pathlib import Path

import pytest

from script._demo.pdf import make_pdf
from tests.support.demo_site import DemoSite, ipptool, wait_for

pytestmark = pytest.mark.timeout(600)

FILES = Path("/usr/share/cups/ipptool")
EVERYWHERE = ("get-printer-attributes", "validate-job", "print-job", "get-jobs", "print-job-hold")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "letter.pdf"
    path.write_bytes(make_pdf("Letter", [["Dear Ben"], ["Yours, Ada"]]))
    return path


def run_in_order(demo: DemoSite, queue: str, document: Path, names: tuple[str, ...]) -> None:
    ada = demo.user("ada")
    uri = demo.site["queues"][queue].replace("//", f"//ada:{ada['password']}@", 1)
    for name in names:
        options = ["-f", str(document), "-d", "filetype=application/pdf"]
        ipptool(uri, FILES / f"{name}.test", *options)


def test_a_pull_queue_answers_each_and_prints_nothing(demo: DemoSite, document: Path) -> None:
    before, sheets = demo.copies_of(document.read_bytes()), len(demo.paper())
    run_in_order(demo, "pull", document, (*EVERYWHERE, "cancel-current-job"))
    assert len(demo.paper()) == sheets

    # One of the two was canceled; the released one still waits for its owner, who gets it.
    demo.tap(demo.user("ada")["card"])
    wait_for(
        lambda: demo.copies_of(document.read_bytes()) > before, "the document at the printer", 20
    )
    assert demo.copies_of(document.read_bytes()) == before + 1


def test_a_direct_queue_answers_each_and_prints(demo: DemoSite, document: Path) -> None:
    before = demo.copies_of(document.read_bytes())
    run_in_order(demo, "direct", document, EVERYWHERE)
    wait_for(
        lambda: demo.copies_of(document.read_bytes()) >= before + 2,
        "both documents at the printer",
        20,
    )
    assert demo.copies_of(document.read_bytes()) == before + 2
