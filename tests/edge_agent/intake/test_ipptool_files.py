"""CUPS' own small files, in the order in which a person would meet them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.intake.access import VERIFIED
from shared.job_states import Hold, JobState
from tests.support.intake import SUITES, IntakeSite, an_intake_site, ipptool

PASSWORD = "correct%20horse"
ON_A_PULL_QUEUE = (
    "get-printer-attributes",
    "validate-job",
    "print-job",
    "get-jobs",
    "print-job-hold",
    "cancel-current-job",
)


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "report.pdf"
    file.write_bytes(b"%PDF-1.7\n" + b"Ada's report. " * 400)
    return file


async def run(site: IntakeSite, queue: str, name: str, pdf: Path, *, secure: bool) -> None:
    uri = site.uri(queue, secure=secure).replace("localhost", f"ada:{PASSWORD}@localhost")
    result = await ipptool("-tI", "-f", str(pdf), uri, str(SUITES / f"{name}.test"))
    assert result.code == 0, result.output
    assert result.passed
    assert not result.failed
    assert not result.skipped


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_ada_sends_holds_lists_and_cancels_on_a_pull_queue(
    tmp_path: Path, pdf: Path, secure: bool
) -> None:
    async with an_intake_site(tmp_path) as site:
        for name in ON_A_PULL_QUEUE:
            await run(site, "pull", name, pdf, secure=secure)
        jobs = await site.jobs.service.list_jobs(site.people.alder.id, completed=None)
        assert [job.state for job in jobs] == [JobState.CANCELED, JobState.PENDING_HELD]
        # Release-Job said successful-ok and lifted the sender's hold alone: nothing prints.
        assert jobs[1].holds == {Hold.OWNER}
        assert jobs[1].message
        assert {(job.owner_id, job.identity) for job in jobs} == {
            (site.people.alder.users["ada"].id, VERIFIED)
        }


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_anybody_sends_to_a_direct_queue_that_takes_names(
    tmp_path: Path, pdf: Path, secure: bool
) -> None:
    async with an_intake_site(tmp_path) as site:
        for name in ON_A_PULL_QUEUE[:-1]:
            await run(site, "direct", name, pdf, secure=secure)
        jobs = await site.jobs.service.list_jobs(site.people.alder.id)
        assert [job.state for job in jobs] == [JobState.PENDING, JobState.PENDING]
        assert {job.printer_id for job in jobs} == {site.people.printer_id}


async def test_a_plain_connection_goes_on_in_tls_when_the_client_asks(
    tmp_path: Path, pdf: Path
) -> None:
    async with an_intake_site(tmp_path) as site:
        uri = site.uri("pull").replace("localhost", f"ada:{PASSWORD}@localhost")
        result = await ipptool("-tIE", "-f", str(pdf), uri, str(SUITES / "print-job.test"))
        assert result.passed, result.output
        (job,) = await site.jobs.service.list_jobs(site.people.alder.id)
        assert job.source.protocol == "ipps"


async def test_a_client_with_a_time_limit_gets_through_tls(tmp_path: Path) -> None:
    """Session tickets hang CUPS 2.4 when it has a limit; its backends always do."""
    async with an_intake_site(tmp_path) as site:
        uri, test = site.uri("direct", secure=True), str(SUITES / "get-printer-attributes.test")
        for _ in range(5):
            result = await ipptool("-tI", "-T", "30", uri, test, timeout_seconds=9)
            assert result.passed, result.output or "it hung"
