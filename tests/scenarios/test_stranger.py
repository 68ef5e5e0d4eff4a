"""A stranger on the office's network: nothing prints, nothing is shown, nothing is lost.

Every refusal is in the audit trail, and the same request by its owner works.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from script._demo.pdf import make_pdf
from tests.support.demo_site import DemoSite, end_demo, start_demo, wait_for, wait_until_ready
from tests.support.network import Computer, lan

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]

OPERATION = """\
{{
    OPERATION {operation}
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    {job}
    ATTR name requesting-user-name "{name}"
    {more}
}}
"""
TITLE = "Salaries 2026.pdf"
PROBE = """
import socket, sys
s = socket.socket()
s.settimeout(3)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.sendall(sys.argv[3].encode() + b"\\r\\n")
    print("said", s.recv(100))
except OSError as error:
    print("refused", error)
"""
FETCH = """
import sys, urllib.request, urllib.error
request = urllib.request.Request(sys.argv[1], method=sys.argv[2],
    data=(sys.argv[3].encode() if len(sys.argv) > 3 else None),
    headers={"X-Terminal": "1", "Content-Type": "application/json"})
try:
    with urllib.request.urlopen(request, timeout=5) as answer:
        print(answer.status, answer.read(4000).decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read(4000).decode())
"""


@dataclass
class Office:
    """The demo in one computer, Ada's and a stranger's beside it."""

    demo: DemoSite
    server: Computer
    ada: Computer
    stranger: Computer
    folder: Path

    @property
    def made(self) -> dict[str, Any]:
        """What the demo built: ids and ports."""
        built: dict[str, Any] = json.loads((self.demo.folder / "made.json").read_text())
        return built

    def ipp(
        self, who: Computer, operation: str, *, name: str, job_id: int | None = None, more: str = ""
    ) -> str:
        job = f"ATTR integer job-id {job_id}" if job_id is not None else ""
        test = self.folder / f"{operation}.test"
        test.write_text(OPERATION.format(operation=operation, name=name, job=job, more=more))
        uri = self.demo.site["queues"]["pull"]
        return who.run(["ipptool", "-tv", "-T", "10", uri, str(test)], check=False).stdout

    def send(self, who: Computer) -> int:
        """Ada sends her document; returns its job-id."""
        document = self.folder / TITLE
        document.write_bytes(make_pdf(TITLE, [[TITLE]]))
        more = f'ATTR name job-name "{TITLE}"\n ATTR mimeMediaType document-format application/pdf'
        test = self.folder / "send.test"
        words = OPERATION.format(operation="Print-Job", name="ada", job="", more=more)
        test.write_text(words.replace("}\n", "    FILE $filename\n}\n"))
        uri = self.demo.site["queues"]["pull"]
        command = ["ipptool", "-tv", "-T", "10", "-f", str(document), uri, str(test)]
        report = who.run(command).stdout
        answer = report[report.rfind("RECEIVED") :]
        return int(answer.partition("job-id (integer) = ")[2].split()[0])

    def state(self, job_id: int) -> str:
        report = self.ipp(self.ada, "Get-Job-Attributes", name="ada", job_id=job_id)
        answer = report[report.rfind("RECEIVED") :]
        return answer.partition("job-state (enum) = ")[2].split()[0]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with lan("office", "ada", "stranger") as (server, ada, stranger):
        demo = start_demo(folder, "--skip-story", "--listen", server.address, prefix=server.inside)
        try:
            wait_until_ready(demo)
            yield Office(demo, server, ada, stranger, folder)
        finally:
            end_demo(demo)


def refusals(office: Office) -> int:
    rows = office.demo.cli("audit", "list", "--account", "alder", "--limit", "200")
    return len([row for row in rows if row["outcome"] == "refused"])


def audited_after(office: Office, before: int) -> None:
    wait_for(lambda: refusals(office) > before, "an audit row", 10)


@pytest.mark.parametrize("name", ["ada", "mallory"])
def test_a_stranger_lists_nothing_of_ada_and_ada_lists_hers(office: Office, name: str) -> None:
    job_id = office.send(office.ada)
    theirs = office.ipp(office.stranger, "Get-Jobs", name=name)
    hers = office.ipp(office.ada, "Get-Jobs", name="ada")
    assert f"job-id (integer) = {job_id}" not in theirs
    assert TITLE not in theirs
    assert f"job-id (integer) = {job_id}" in hers


@pytest.mark.parametrize("name", ["ada", "mallory"])
@pytest.mark.parametrize(
    "operation", ["Release-Job", "Cancel-Job", "Get-Job-Attributes", "Hold-Job"]
)
def test_a_stranger_cannot_touch_adas_job(office: Office, operation: str, name: str) -> None:
    job_id, paper, before = office.send(office.ada), len(office.demo.paper()), refusals(office)

    report = office.ipp(office.stranger, operation, name=name, job_id=job_id)

    assert "status-code = successful" not in report
    assert TITLE not in report
    assert office.state(job_id) == "pending-held"
    assert len(office.demo.paper()) == paper
    audited_after(office, before)


@pytest.mark.parametrize(
    "operation", ["Purge-Jobs", "Pause-Printer", "Cancel-Jobs", "Cancel-My-Jobs"]
)
def test_a_stranger_cannot_empty_or_stop_the_queue(office: Office, operation: str) -> None:
    job_id, before = office.send(office.ada), refusals(office)
    report = office.ipp(office.stranger, operation, name="ada")
    assert office.state(job_id) == "pending-held"
    if "status-code = successful" not in report and operation in {"Purge-Jobs", "Pause-Printer"}:
        audited_after(office, before)
    assert operation not in {"Purge-Jobs", "Pause-Printer"} or "successful" not in report


def test_ada_cancels_her_own(office: Office) -> None:
    job_id = office.send(office.ada)
    report = office.ipp(office.ada, "Cancel-Job", name="ada", job_id=job_id)
    assert "status-code = successful-ok" in report
    assert office.state(job_id) == "canceled"


def test_a_release_over_ipp_prints_nothing_even_for_ada(office: Office) -> None:
    job_id, paper = office.send(office.ada), len(office.demo.paper())
    report = office.ipp(office.ada, "Release-Job", name="ada", job_id=job_id)
    assert office.state(job_id) == "pending-held", report
    assert len(office.demo.paper()) == paper


def fetch(office: Office, path: str, method: str = "GET", body: str | None = None) -> str:
    url = office.demo.site["terminal_url"].partition("#")[0] + path
    words = ["python3", "-c", FETCH, url, method, *([] if body is None else [body])]
    return office.stranger.run(words, check=False).stdout


def test_an_unpaired_terminal_shows_a_pairing_page_and_no_data(office: Office) -> None:
    office.send(office.ada)
    before = refusals(office)
    page, events = fetch(office, ""), fetch(office, "/events")
    guess = fetch(office, "/pair", "POST", json.dumps({"code": "AAAA-AAAA", "name": "mine"}))
    assert page.startswith("200")
    assert events.startswith(("401", "403")) or '"unpaired"' in events
    assert guess.startswith("4")
    for said in (page, events, guess):
        assert TITLE not in said
        assert "Ada" not in said
    audited_after(office, before)


def test_a_paired_terminal_works(office: Office) -> None:
    printer = office.made["printer_id"]
    code = office.demo.cli("terminal", "code", "--account", "alder", "--printer", printer)["code"]
    answer = fetch(office, "/pair", "POST", json.dumps({"code": code, "name": "front desk"}))
    assert answer.startswith("2"), answer


def test_a_strangers_card_at_the_reader_port_is_not_heard(office: Office) -> None:
    office.send(office.ada)
    paper, before = len(office.demo.paper()), refusals(office)
    card = office.demo.user("ada")["card"]
    port = office.made["ports"]["reader copy room"]
    words = ["python3", "-c", PROBE, office.server.address, str(port), card]
    said = office.stranger.run(words, check=False).stdout
    assert "refused" in said or "said b''" in said
    assert len(office.demo.paper()) == paper
    if "Connection refused" not in said:
        audited_after(office, before)

    # The twin: the same card at the office's own reader prints.
    command = ["script/tap", card]
    environment = {**office.server.environment, "SPOOLHOUSE_DEMO": str(office.demo.folder)}
    Computer(office.server.name, office.server.address, environment).run(command)
    wait_for(lambda: len(office.demo.paper()) > paper, "Ada's paper", 20)
