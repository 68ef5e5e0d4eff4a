"""A computer with CUPS and a queue of model ``everywhere`` prints to the pull queue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from script._demo.pdf import make_pdf
from tests.support.demo_site import DemoSite, ipptool, wait_for
from tests.support.private_cups import private_cups

pytestmark = pytest.mark.timeout(600)

ASK_FOR_TICKETS = """\
{
    OPERATION Get-Jobs
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    ATTR keyword which-jobs all
    ATTR keyword requested-attributes all
    STATUS successful-ok
}
"""


def tickets_at_printer(demo: DemoSite, folder: Path) -> str:
    test = folder / "tickets.test"
    test.write_text(ASK_FOR_TICKETS)
    uri = demo.site["printer"]["uri"]
    return ipptool(uri, test)


def test_two_sided_and_two_copies_reach_the_printer_after_the_tap(
    demo: DemoSite, tmp_path: Path
) -> None:
    document = tmp_path / "minutes.pdf"
    document.write_bytes(make_pdf("Minutes", [["Minutes"], ["Page two"]]))
    before = len(demo.paper())
    with private_cups() as cups:
        cups.add_queue("office", demo.site["queues"]["pull"])
        options = ["-o", "sides=two-sided-long-edge", "-n", "2"]
        cups.run("lp", "-d", "office", "-U", "ada", *options, "-t", "Minutes", str(document))
        job = wait_for(lambda: demo.job("Minutes"), f"the job; CUPS says {cups.log()[-4000:]}", 60)
        assert job["state"] == "pending-held"

        demo.tap(demo.user("ada")["card"])
        wait_for(lambda: len(demo.paper()) > before, "paper", 20)

    report = wait_for_ticket(demo, tmp_path)
    assert re.search(r"sides \(keyword\) = two-sided-long-edge", report)
    assert re.search(r"copies \(integer\) = 2\b", report)


def wait_for_ticket(demo: DemoSite, folder: Path) -> str:
    def last_job() -> str:
        report = tickets_at_printer(demo, folder)
        minutes = report.rfind("job-name (nameWithoutLanguage) = Minutes")
        return report if minutes >= 0 else ""

    report: str = wait_for(last_job, "the job at the printer")
    return report
