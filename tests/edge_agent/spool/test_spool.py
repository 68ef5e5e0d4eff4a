"""Sealed documents on disk: what a thief, a bad disk or a mistake can do to them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.jobs.model import Actor, Document
from edge_agent.jobs.runner import Runner
from edge_agent.spool.errors import DocumentGoneError
from shared.crypto.documents import DocumentDamagedError
from shared.job_states import JobState
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.jobs import (
    ADA,
    ALDER,
    CEDAR,
    CLEO,
    PRINTER,
    Jobs,
    a_job_service,
    accept,
    files_under,
    read_all,
    state_of,
    until,
)

LARGE = b"L" * 300_000


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    async with a_job_service(tmp_path) as running:
        yield running


async def the_document(jobs: Jobs, job_id: object) -> Document:
    (document,) = await jobs.service.list_documents(job_id)  # type: ignore[arg-type]
    return document


async def opened(jobs: Jobs, document: Document) -> bytes:
    return await read_all(jobs.service.open_document(document))


def the_file(jobs: Jobs, document: Document) -> Path:
    folder = jobs.spool.folder
    kind, place = document.location.split(":")[:2]
    return folder / ("documents" if kind == "file" else "segments") / place


@pytest.mark.parametrize("body", [b"small", LARGE])
@pytest.mark.parametrize("at", [0, 20, 40, 70, -1])
async def test_a_byte_changed_on_disk_is_noticed(jobs: Jobs, body: bytes, at: int) -> None:
    job = await accept(jobs, body)
    document = await the_document(jobs, job.id)
    assert await opened(jobs, document) == body
    path = the_file(jobs, document)
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1
    path.write_bytes(changed)
    with pytest.raises(DocumentDamagedError):
        await opened(jobs, document)


@pytest.mark.parametrize("body", [b"small", LARGE])
async def test_a_document_cut_on_disk_is_noticed(jobs: Jobs, body: bytes) -> None:
    job = await accept(jobs, body)
    document = await the_document(jobs, job.id)
    path = the_file(jobs, document)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DocumentDamagedError):
        await opened(jobs, document)


@pytest.mark.parametrize("body", [b"small", LARGE])
async def test_the_document_of_another_tenant_opens_for_nobody_else(
    jobs: Jobs, body: bytes
) -> None:
    hers = await the_document(jobs, (await accept(jobs, body)).id)
    cleos_job = await accept(jobs, body, account_id=CEDAR, owner_id=CLEO)
    cleos = await the_document(jobs, cleos_job.id)
    for claim in (
        replace(hers, account_id=CEDAR),
        replace(hers, job_id=cleos.job_id),
        replace(hers, number=2),
        replace(hers, recipients=cleos.recipients),
        replace(hers, location=cleos.location),
    ):
        with pytest.raises(DocumentDamagedError):
            await opened(jobs, claim)


async def test_a_document_swapped_for_another_on_disk_is_noticed(jobs: Jobs) -> None:
    first = await the_document(jobs, (await accept(jobs, LARGE)).id)
    second = await the_document(jobs, (await accept(jobs, LARGE)).id)
    shutil.copy(the_file(jobs, second), the_file(jobs, first))
    with pytest.raises(DocumentDamagedError):
        await opened(jobs, first)


@pytest.mark.parametrize("body", [b"small", LARGE])
async def test_without_its_day_key_a_document_is_gone(tmp_path: Path, body: bytes) -> None:
    async with a_job_service(tmp_path) as jobs:
        job = await accept(jobs, body)
    for key in files_under(tmp_path / "keys"):
        key.unlink()
    async with a_job_service(tmp_path) as jobs:
        with pytest.raises(DocumentGoneError):
            await opened(jobs, await the_document(jobs, job.id))


async def test_no_name_from_the_database_reaches_outside_the_spool(jobs: Jobs) -> None:
    document = await the_document(jobs, (await accept(jobs)).id)
    with pytest.raises(DocumentGoneError):
        await opened(jobs, replace(document, location="file:../../jobs.db"))


async def test_a_damaged_document_is_not_printed_and_its_owner_reads_why(jobs: Jobs) -> None:
    job = await accept(jobs, b"small")
    path = the_file(jobs, await the_document(jobs, job.id))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    printer = FakePrinter(reports_first_byte=False)
    runner = Runner(jobs.service, lambda _: printer, a_printer_record)
    await runner.start()
    await jobs.service.release(ALDER, ADA, [job.id], PRINTER, Actor("card"))
    runner.take(job.id, PRINTER)
    await until(lambda: state_of(jobs, job.id) is JobState.ABORTED)
    after = await jobs.service.get(job.id)
    assert after.message == "Its document is damaged on disk and cannot be printed."
    assert printer.paper == []
    await runner.stop()
