"""Storage and Document Output, asked by calls that are encoded and decoded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.calls import CallFailedError, Calls
from edge_agent.output_service import OutputService
from edge_agent.storage import StorageService
from shared.clock import SystemClock
from shared.ids import JobId
from shared.job_states import JobState
from shared.messages.calls import DeleteJob, FetchDocument, ListWaitingJobs, Released, ReleaseJobs
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import (
    ADA,
    ALDER,
    BEN,
    CEDAR,
    CLEO,
    PRINTER,
    Jobs,
    a_job_service,
    accept,
    facts_of,
    read_all,
    state_of,
    until,
)


@dataclass
class Site:
    jobs: Jobs
    calls: Calls
    printer: FakePrinter
    storage: StorageService
    output: OutputService

    async def release(self, *job_ids: JobId, owner: str = ADA, key: str | None = None) -> Released:
        header = self.calls.header(key=key)
        call = ReleaseJobs(header, ALDER, owner, job_ids, PRINTER, "card", tap_age_ms=2)  # type: ignore[arg-type]
        return await self.calls.ask(call)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    calls, printer = Calls(SystemClock(), encode=True), FakePrinter()
    async with a_job_service(tmp_path) as jobs:
        storage = StorageService(jobs.service, calls)
        output = OutputService(
            jobs.service, calls, lambda _: printer, a_printer_record, storage.open_document
        )
        await output.start()
        await storage.start()
        yield Site(jobs, calls, printer, storage, output)
        await storage.stop()
        await output.stop()


async def test_a_release_travels_from_the_tap_to_the_paper(site: Site) -> None:
    job = await accept(site.jobs, b"the report")
    assert (await site.release()).released == (job.id,)
    await until(lambda: state_of(site.jobs, job.id) is JobState.COMPLETED)
    assert site.printer.paper == [(job.id, b"the report")]
    sending = [f["body"] for f in facts_of(site.jobs) if f["body"].get("event") == "sending"]
    assert sending[0]["first_byte_ms"] >= 2


async def test_a_repeat_with_the_same_key_releases_nothing_more(site: Site) -> None:
    first = await accept(site.jobs)
    assert (await site.release(key="tap-1")).released == (first.id,)
    second = await accept(site.jobs)
    assert (await site.release(key="tap-1")).released == (first.id,)
    assert state_of(site.jobs, second.id) is JobState.PENDING_HELD


async def test_the_list_shows_a_persons_own_waiting_jobs(site: Site) -> None:
    job = await accept(site.jobs, title="Payroll")
    await accept(site.jobs, owner_id=BEN)
    ask = site.calls.ask
    hers = await ask(ListWaitingJobs(site.calls.header(), ALDER, ADA))
    assert [(w.id, w.title, w.source_host) for w in hers.jobs] == [
        (job.id, "Payroll", "ada-laptop")
    ]
    assert (await ask(ListWaitingJobs(site.calls.header(), CEDAR, CLEO))).jobs == ()


async def test_only_its_owner_deletes_a_job(site: Site) -> None:
    job = await accept(site.jobs)
    ask, header = site.calls.ask, site.calls.header
    assert not (await ask(DeleteJob(header(), CEDAR, CLEO, job.id, "terminal"))).ok
    assert not (await ask(DeleteJob(header(), ALDER, BEN, job.id, "terminal"))).ok
    assert (await ask(DeleteJob(header(), ALDER, ADA, job.id, "terminal"))).ok
    assert not (await ask(DeleteJob(header(), ALDER, ADA, job.id, "terminal"))).ok


async def test_a_document_is_fetched_by_its_own_account_alone(site: Site) -> None:
    job = await accept(site.jobs, b"the report")
    handle = await site.calls.ask(FetchDocument(site.calls.header(), ALDER, job.id, 1))
    assert await read_all(site.storage.open_document(handle)) == b"the report"
    for account, number in ((CEDAR, 1), (ALDER, 2)):
        with pytest.raises(CallFailedError):
            await site.calls.ask(FetchDocument(site.calls.header(), account, job.id, number))


async def test_a_release_waits_for_document_output_and_says_so(site: Site) -> None:
    await site.output.stop()
    job = await accept(site.jobs)
    await site.release(job.id)
    says = "Document Output does not answer; it will be tried again."
    await until(lambda: facts_of(site.jobs, job.id)[-1]["body"]["message"] == says)
    assert not site.storage.health().ok
    await site.output.start()
    await until(lambda: state_of(site.jobs, job.id) is JobState.COMPLETED)
    assert len(site.printer.paper) == 1
