"""Jobs and a job service for tests: good defaults, change one thing per test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from edge_agent.jobs.model import NewJob
from edge_agent.jobs.service import JobService
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import find_job
from edge_agent.spool.spool import Spool
from shared.clock import Clock, SystemClock
from shared.ids import AccountId, PrinterId, QueueId, UserId
from shared.job_states import Hold
from shared.messages.events import Source

ALDER: Final = AccountId("01a00000-0000-7000-8000-00000000a1de")
CEDAR: Final = AccountId("01a00000-0000-7000-8000-00000000ceda")
ADA: Final = UserId("01a00000-0000-7000-8000-0000000000ad")
BEN: Final = UserId("01a00000-0000-7000-8000-0000000000be")
CLEO: Final = UserId("01a00000-0000-7000-8000-0000000000c1")
PULL: Final = QueueId("01a00000-0000-7000-8000-000000000001")
PRINTER: Final = PrinterId("01a00000-0000-7000-8000-000000000002")
OTHER_PRINTER: Final = PrinterId("01a00000-0000-7000-8000-000000000003")


class DiskFailedError(Exception):
    """What a test's fatal handler raises instead of ending the process."""


def raise_instead(what: str, error: BaseException) -> NoReturn:
    raise DiskFailedError(what) from error


def a_new_job(**changes: Any) -> NewJob:
    """Ada's report on Alder's pull queue."""
    values: dict[str, Any] = {
        "account_id": ALDER,
        "queue_id": PULL,
        "title": "Report",
        "identity": "verified",
        "owner_id": ADA,
        "claimed_name": None,
        "source": Source("ipp", "127.0.0.1", "ada-laptop"),
        "holds": frozenset({Hold.OWNER}),
        "printer_id": None,
        "retention_seconds": 86_400,
        "ticket": {"copies": 1, "sides": "one-sided"},
    }
    return NewJob(**{**values, **changes})


@dataclass(frozen=True, slots=True)
class Jobs:
    """A running job service and its parts."""

    service: JobService
    store: JobStore
    spool: Spool
    state: Path


@asynccontextmanager
async def a_job_service(
    state: Path, *, clock: Clock | None = None, **options: Any
) -> AsyncIterator[Jobs]:
    """Run a job service on ``state``; ``options``: counter, fatal, watermark_bytes ..."""
    clock = clock or SystemClock()
    fatal = options.pop("fatal", raise_instead)
    counter = options.pop("counter", None)
    reserve_bytes = options.pop("reserve_bytes", 0)
    watermark_bytes = options.pop("watermark_bytes", 0)
    spool = Spool(state, clock.now, fatal=fatal, watermark_bytes=watermark_bytes, **options)
    store = JobStore(state, spool, fatal=fatal, reserve_bytes=reserve_bytes)
    service = JobService(store, spool, clock, counter=counter)
    await service.start()
    try:
        yield Jobs(service, store, spool, state)
    finally:
        await service.stop()


async def in_pieces(data: bytes, size: int = 8192) -> AsyncIterator[bytes]:
    """Give bytes out as a client's chunks."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def read_all(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def accept(jobs: Jobs, body: bytes = b"%PDF-1.7 a report", **changes: Any) -> Any:
    """Send a job; gives the job."""
    new = a_new_job(**changes)
    return await jobs.service.accept(new, format="application/pdf", name="report.pdf", body=body)


async def documents_of(jobs: Jobs, job_id: Any) -> list[bytes]:
    """Read all documents of a job."""
    documents = await jobs.service.list_documents(job_id)
    return [await read_all(jobs.service.open_document(document)) for document in documents]


def files_under(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def facts_of(jobs: Jobs, job_id: Any = None) -> list[dict[str, Any]]:
    """Read what the outbox tells, in order: kind, and the body of each row."""
    rows = jobs.store.look(lambda c: c.execute("SELECT row FROM outbox ORDER BY seq").fetchall())
    facts = [json.loads(row[0]) for row in rows]
    return [f for f in facts if job_id is None or f["body"].get("job_id") == job_id]


async def until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something holds; a test's only way to wait for a background task."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


def state_of(jobs: Jobs, job_id: Any) -> Any:
    job = jobs.store.look(lambda c: find_job(c, job_id))
    return None if job is None else job.state
