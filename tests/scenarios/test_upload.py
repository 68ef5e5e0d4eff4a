"""A program brings a document with the API's ticket; it comes out at a tap, also with no line."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from script._demo.pdf import make_pdf
from tests.support.counts import count
from tests.support.demo_api import Program, curl
from tests.support.demo_site import DemoSite, wait_for

pytestmark = pytest.mark.timeout(600)
MEGABYTE = 1 << 20


def bring(upload: dict[str, Any], document: Path) -> tuple[int, Any]:
    return curl(
        "-k", "--pinnedpubkey", upload["key_pin"], "-H", f"Authorization: Bearer {upload['ticket']}",
        "-T", str(document), upload["url"],
    )  # fmt: skip


@pytest.fixture
def alder(demo: DemoSite) -> Program:
    return Program(demo, "alder")


def a_document(folder: Path, title: str) -> Path:
    path = folder / title
    path.write_bytes(make_pdf(title, [["One"], ["Two"]]))
    return path


def test_what_a_program_brings_waits_for_its_person_and_comes_out_as_it_was(
    demo: DemoSite, alder: Program, tmp_path: Path
) -> None:
    upload = alder.upload(alder.order("ada", "pull", title="Brought.pdf"))
    document = a_document(tmp_path, "Brought.pdf")
    assert bring(upload, document)[0] == 201
    assert bring(upload, document)[0] == 409  # good once

    def shown() -> Any:
        status, job = alder.ask("GET", f"/jobs/{upload['job_id']}")
        return job if status == 200 else None

    job = wait_for(shown, "the job at the primary")
    assert (job["state"], job["owner"], job["identity"]) == ("pending-held", "ada", "verified")
    before = len(demo.paper())
    demo.tap(demo.user("ada")["card"])
    demo.comes_out(document.read_bytes(), before)


def test_nobody_uploads_for_anothers_person_or_queue(demo: DemoSite, alder: Program) -> None:
    cedar = Program(demo, "cedar")
    order = alder.order("ada", "pull")
    [cleo] = [each for each in cedar.items("/users") if each["username"] == "cleo"]
    assert alder.ask("POST", "/jobs/uploads", {**order, "user_id": cleo["id"]})[0] == 422
    assert cedar.ask("POST", "/jobs/uploads", order)[0] == 422
    assert alder.upload(order)["job_id"]


@contextmanager
def cut_line(demo: DemoSite) -> Iterator[None]:
    """Primary and broker stand still: nobody answers."""
    pids = [demo.site["primary_pid"], demo.site["broker_pid"]]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_ticket_from_before_the_cut_still_opens(
    demo: DemoSite, alder: Program, tmp_path: Path
) -> None:
    upload = alder.upload(alder.order("ada", "pull", title="Cut.pdf"))
    document = a_document(tmp_path, "Cut.pdf")
    before = len(demo.paper())
    with cut_line(demo):
        assert bring(upload, document)[0] == 201
        demo.tap(demo.user("ada")["card"])
        demo.comes_out(document.read_bytes(), before)


def rss_bytes(pid: int) -> int:
    [kilobytes] = re.findall(
        r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )
    return int(kilobytes) * 1024


@pytest.mark.scaled
def test_a_large_document_passes_through_in_constant_memory(
    demo: DemoSite, alder: Program, tmp_path: Path, proof: Callable[[str], None]
) -> None:
    megabytes = count(96, 2048)
    document = tmp_path / "large.pdf"
    with document.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        for _ in range(megabytes):
            file.write(os.urandom(MEGABYTE))
    small = a_document(tmp_path, "small.pdf")
    assert bring(alder.upload(alder.order("ben", "pull")), small)[0] == 201
    pid = demo.site["gateway_pid"]
    before = rss_bytes(pid)
    upload = alder.upload(alder.order("ben", "pull", title="large"))
    assert bring(upload, document)[0] == 201
    grown = (rss_bytes(pid) - before) // MEGABYTE
    assert grown < 48
    wait_for(lambda: alder.ask("GET", f"/jobs/{upload['job_id']}")[0] == 200, "the job", 60)
    assert alder.ask("POST", f"/jobs/{upload['job_id']}/cancel")[0] == 202
    proof(f"{megabytes} MB uploaded, the gateway's peak memory grew by {grown} MB")
