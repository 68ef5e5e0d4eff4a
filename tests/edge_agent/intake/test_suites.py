"""CUPS' conformance suites against a direct queue that prints to CUPS' own printer."""

from __future__ import annotations

import shutil
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.jobs.model import Job
from edge_agent.jobs.runner import Runner
from edge_agent.output.ipp import IppDriver
from shared.clock import SystemClock
from tests.support.counts import count
from tests.support.intake import SUITES, IntakeSite, an_intake_site, ipptool
from tests.support.ippeveprinter import ippeveprinter
from tests.support.samples import write_rasters, write_samples

Proof = Callable[[str], None]
ALLOWED = tomllib.loads((Path(__file__).parent / "allowed_skips.toml").read_text())
SUITE_NAMES = ("ipp-1.1", "ipp-2.0", "ipp-2.1", "ipp-2.2", "get-printer-attributes-suite")


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    """The suites with the documents that they ask for, and their slips put right."""
    folder = tmp_path / "suites"
    folder.mkdir()
    for file in SUITES.glob("*.test"):
        shutil.copy(file, folder)
    for slip in ALLOWED["correction"]:
        path = folder / slip["file"]
        lines = path.read_text().splitlines(keepends=True)
        assert slip["was"] in lines[slip["line"] - 1]
        lines[slip["line"] - 1] = f"\t{slip['now']}\n"
        path.write_text("".join(lines))
    write_samples(folder)
    return folder


@asynccontextmanager
async def a_printing_site(folder: Path) -> AsyncIterator[IntakeSite]:
    """A direct queue in front of a real printer that does duplex and colour."""
    with ippeveprinter(folder, options=("-2", "-s", "60,60")) as printer:
        async with an_intake_site(folder, printer_uri=printer.uri) as site:
            driver = IppDriver(SystemClock())
            jobs = site.jobs.service
            runner = Runner(jobs, lambda _: driver, site.people.directory.printer)

            def print_it(job: Job) -> None:
                assert job.printer_id is not None
                runner.take(job.id, job.printer_id)

            jobs.listeners.on_pending(print_it)
            await runner.start()
            try:
                yield site
            finally:
                await runner.stop()


EXPECTED = {"ipp-1.1": 46, "ipp-2.0": 47, "ipp-2.1": 48, "ipp-2.2": 49, "ipp-everywhere": 480}
COMPRESSED = 288  # of ipp-everywhere's: each raster twice
PATIENCE_SECONDS = count(400, 900)

pytestmark = [pytest.mark.scaled, pytest.mark.timeout(PATIENCE_SECONDS + 60)]


async def check_suite(
    site: IntakeSite, suites: Path, name: str, *flags: str, secure: bool, proof: Proof
) -> None:
    """Run a suite: all that ran passed, and only what is allowed to was skipped."""
    result = await ipptool(
        "-tI",
        *flags,
        "-f",
        "document-a4.pdf",
        site.uri("direct", secure=secure),
        f"{name}.test",
        cwd=suites,
        timeout_seconds=PATIENCE_SECONDS,
    )
    assert result.failed == [], result.output[-4000:]
    allowed = Counter(test for skip in ALLOWED["skip"] for test in skip["tests"])
    assert Counter(result.skipped) == (allowed if name.startswith("ipp-") else Counter())
    assert result.code == 0, result.output[-4000:]
    expected = EXPECTED.get(name, 7)
    if name == "ipp-everywhere" and "-L" in flags:
        expected -= COMPRESSED
    assert len(result.passed) == expected
    proof(f"{len(result.passed)} passed, 0 failed, {len(result.skipped)} skipped as listed")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", SUITE_NAMES)
async def test_a_suite_passes_without_a_fail(
    tmp_path: Path, suites: Path, name: str, *, secure: bool, proof: Proof
) -> None:
    versions = {"ipp-2.2": ("-V", "2.2"), "ipp-2.1": ("-V", "2.1"), "ipp-2.0": ("-V", "2.0")}
    async with a_printing_site(tmp_path) as site:
        flags = versions.get(name, ())
        await check_suite(site, suites, name, *flags, secure=secure, proof=proof)


async def test_ipp_everywhere_passes_with_all_its_rasters(
    tmp_path: Path, suites: Path, proof: Proof
) -> None:
    assert write_rasters(suites) == 180
    async with a_printing_site(tmp_path) as site:
        await check_suite(site, suites, "ipp-everywhere", secure=False, proof=proof)


def leave_out_compression(suite: Path) -> None:
    """With ``-L`` ipptool 2.4 promises the length that a file has before it compresses it.

    What it then sends is shorter, and both sides wait for the rest; against ippeveprinter too.
    """
    blocks = suite.read_text().split("\n}\n")
    suite.write_text("\n}\n".join(block for block in blocks if "\tCOMPRESSION " not in block))


@pytest.mark.soak
@pytest.mark.parametrize(
    "how", [("C", False), ("L", False), ("E", False), ("C", True), ("L", True)],
    ids=["chunked", "content-length", "upgrade", "chunked-tls", "content-length-tls"],
)  # fmt: skip
@pytest.mark.parametrize("name", [*SUITE_NAMES, "ipp-everywhere"])
async def test_a_suite_passes_however_its_bodies_come(
    tmp_path: Path, suites: Path, name: str, how: tuple[str, bool], proof: Proof
) -> None:
    flag, secure = how
    if name == "ipp-everywhere":
        write_rasters(suites)
    if flag == "L":
        leave_out_compression(suites / f"{name}.test")
    async with a_printing_site(tmp_path) as site:
        await check_suite(site, suites, name, f"-{flag}", secure=secure, proof=proof)
