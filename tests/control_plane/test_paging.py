from __future__ import annotations

import base64
import json

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.database import Database, utc_now
from control_plane.errors import InvalidError
from control_plane.jobs import repository as jobs
from control_plane.jobs.models import Job
from control_plane.paging import Page, paginate
from control_plane.printers.models import Printer
from shared.ids import GatewayId, JobId, PrinterId, QueueId, new_id
from shared.job_states import JobState
from tests.support.houses import Town


def a_job(town: Town, number: int, pages: int | None) -> Job:
    now = utc_now()
    return Job(
        id=JobId(new_id()), account_id=town.alder.account.id, gateway_id=GatewayId(
            town.alder.gateway.id), home_epoch=1, revision=1, queue_id=QueueId(town.alder.pull.id),
        number=number, title=f"Plan {number % 3}", state=int(JobState.PENDING_HELD), reasons=[],
        identity="verified", source_protocol="ipp", source_address="192.0.2.1",
        document_format="application/pdf", size_bytes=number, sha256="", received_ms=1,
        received_at=now, kept_until=now, ticket={}, impressions=pages,
    )  # fmt: skip


@pytest.fixture
def crowd(database: Database, town: Town) -> Town:
    with database.writing() as session:
        session.add_all(a_job(town, n, None if n % 4 == 0 else n % 5) for n in range(23))
    return town


def read_all(session: Session, town: Town, order: str) -> list[Job]:
    found: list[Job] = []
    cursor: str | None = None
    while True:
        page = jobs.list_jobs(session, town.alder.account.id, order=order, cursor=cursor, limit=4)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("order", ["title", "-title", "pages", "-pages", "sent", "-sent", "", "?"])
def test_every_row_is_on_one_page_whatever_the_order(
    database: Database, crowd: Town, order: str
) -> None:
    with database.reading() as session:
        found = read_all(session, crowd, order)
    assert len({job.id for job in found}) == len(found) == 23
    seen: list[object] = [job.received_at for job in found]
    if order.endswith("title"):
        seen = [job.title for job in found]
    if order.endswith("pages"):
        seen = [-1 if job.impressions is None else job.impressions for job in found]
    is_down = order.startswith("-") or order in ("", "?")
    assert seen == sorted(seen, reverse=is_down)  # type: ignore[type-var]


def test_a_cursor_of_another_order_is_refused_and_its_own_goes_on(
    database: Database, crowd: Town
) -> None:
    account_id = crowd.alder.account.id
    with database.reading() as session:
        first = jobs.list_jobs(session, account_id, order="title", limit=4)
        again = jobs.list_jobs(session, account_id, order="title", cursor=first.next_cursor)
        assert len(again.items) == 19
        for other in ("-title", "pages", ""):
            with pytest.raises(InvalidError):
                jobs.list_jobs(session, account_id, order=other, cursor=first.next_cursor)


@pytest.mark.parametrize(
    "values",
    [[1, "x", "name"], ["a", 2, "name"], [True, "x", "name"], ["a", "b"], {}, [[], "x", "name"],
     ["a", "b", "address"], ["a", "b", "name", "more"]],
)  # fmt: skip
def test_a_cursor_that_somebody_made_up_is_refused(
    database: Database, town: Town, values: object
) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    with database.reading() as session:
        query, by = select(Printer), (Printer.name, Printer.id)
        with pytest.raises(InvalidError):
            paginate(session, query, by, cursor=cursor)
        made = base64.urlsafe_b64encode(json.dumps(["A", "", "name"]).encode()).decode()
        page: Page[Printer] = paginate(session, query, by, cursor=made)
        assert PrinterId(town.alder.printer.id) in {printer.id for printer in page.items}
