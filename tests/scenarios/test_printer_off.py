"""The printer is switched off while a job is on its way: the job waits with a readable reason."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from script._demo.pdf import make_pdf
from tests.support.demo_site import ROOT, DemoSite, wait_for

pytestmark = pytest.mark.timeout(600)


def printer_pid(demo: DemoSite) -> int:
    """The demo's ippeveprinter, a child of its supervisor."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if words[0] == b"ippeveprinter" and int(parent) == demo.process.pid:
            return int(folder.name)
    raise AssertionError("the demo has no printer")


def send(demo: DemoSite, folder: Path, title: str) -> bytes:
    document = folder / title
    document.write_bytes(make_pdf(title, [[title], ["Page two"]]))
    options = ["-f", str(document), "-d", "filetype=application/pdf"]
    demo.ipptool(ROOT / "docs/examples/send-as-ada.test", *options)
    return document.read_bytes()


def test_a_job_for_a_printer_that_hangs_waits_and_prints_when_it_is_back(
    demo: DemoSite, tmp_path: Path
) -> None:
    before = len(demo.paper())
    document = send(demo, tmp_path, "while it hangs.pdf")
    title = str(tmp_path / "while it hangs.pdf")
    old = printer_pid(demo)
    os.kill(old, signal.SIGSTOP)  # it takes the connection and goes silent: switched off
    try:
        demo.tap(demo.user("ada")["card"])

        def waits() -> bool:
            found = [job for job in demo.cli("job", "list", "--account", "alder")
                     if job["state"] in {"pending", "processing", "pending-held"}]  # fmt: skip
            return bool(found) and found[0]["state"] != "completed"

        wait_for(waits, f"the job {title} to wait", 20)
        assert demo.copies_of(document) == 0
    finally:
        os.kill(old, signal.SIGKILL)  # the supervisor switches a new one on
    demo.comes_out(document, before, 60)
    assert demo.copies_of(document) == 1
