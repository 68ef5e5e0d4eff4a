from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from control_plane.database import Database
from control_plane.errors import NotFoundError
from control_plane.gateways.service import NotServedError
from control_plane.jobs import service as jobs
from control_plane.jobs.models import Job, UsageRow
from control_plane.jobs.service import ForeignJobError
from shared.ids import JobId, new_id
from shared.job_states import Hold, JobState
from shared.messages.events import JobChanged, JobCounted, JobReceived, Source, UsageRecorded
from tests.support.houses import House, Town

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def received(house: House, job_id: JobId) -> JobReceived:
    return JobReceived(
        job_id=job_id,
        account_id=house.account.id,
        queue_id=house.pull.id,
        number=1,
        title="report.pdf",
        state=JobState.PENDING_HELD,
        reasons=(Hold.OWNER.value,),
        identity="verified",
        owner_id=None,
        claimed_name=None,
        source=Source("ipps", "192.0.2.9"),
        document_format="application/pdf",
        size_bytes=1234,
        sha256="0" * 64,
        received_ms=12,
        kept_until=NOON + timedelta(days=1),
        at=NOON,
    )


def changed(house: House, job_id: JobId, event: str, state: JobState, revision: int) -> JobChanged:
    return JobChanged(
        job_id=job_id,
        account_id=house.account.id,
        event=event,
        state=state,
        reasons=(),
        at=NOON + timedelta(seconds=revision),
        revision=revision,
        printer_id=house.printer.id,
    )


def story(house: House, job_id: JobId) -> Sequence[JobChanged]:
    steps = (
        ("released", JobState.PENDING),
        ("started", JobState.PROCESSING),
        ("printed", JobState.COMPLETED),
    )
    return [changed(house, job_id, e, s, n) for n, (e, s) in enumerate(steps, start=2)]


def usage(house: House, job_id: JobId, usage_id: str) -> UsageRecorded:
    return UsageRecorded(
        id=usage_id,
        job_id=job_id,
        account_id=house.account.id,
        user_id=None,
        printer_id=house.printer.id,
        impressions=3,
        source="document",
        confidence="high",
        at=NOON,
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_job_ends_the_same_in_whatever_order_and_however_often_its_facts_come(
    database: Database, town: Town, seed: int
) -> None:
    house, job_id, usage_id = town.alder, JobId(new_id()), new_id()
    told: list[JobReceived | JobChanged | UsageRecorded] = [
        received(house, job_id), *story(house, job_id), usage(house, job_id, usage_id)
    ]  # fmt: skip
    told = told * 2
    random.Random(seed).shuffle(told)
    # One after the other, or all in one transaction.
    for facts in [told] if seed % 2 else [[fact] for fact in told]:
        with database.writing() as session:
            jobs.on_facts(session, house.gateway.id, facts)
    with database.reading() as session:
        detail = jobs.get_job(session, house.account.id, job_id)
    assert JobState(detail.job.state) is JobState.COMPLETED
    assert detail.job.ended_at == NOON + timedelta(seconds=4)
    assert [line.event for line in detail.timeline] == [
        "received", "released", "started", "printed"
    ]  # fmt: skip
    assert [row.impressions for row in detail.usage] == [3]
    assert detail.names[house.printer.id] == "Hall"


def test_what_a_box_that_was_set_back_tells_again_is_one_line_and_new_paper_is_another(
    database: Database, town: Town
) -> None:
    house, job_id = town.alder, JobId(new_id())
    first, steps = received(house, job_id), story(house, job_id)
    printed_again = replace(steps[-1], home_epoch=2, at=NOON + timedelta(hours=1))
    with database.writing() as session:
        jobs.on_facts(session, house.gateway.id, [first])
        jobs.on_facts(session, house.gateway.id, steps)
        jobs.on_facts(session, house.gateway.id, [replace(first, home_epoch=2)])
        again = [replace(step, home_epoch=2) for step in steps[:-1]]
        jobs.on_facts(session, house.gateway.id, [*again, printed_again])
    with database.reading() as session:
        detail = jobs.get_job(session, house.account.id, job_id)
    assert [line.event for line in detail.timeline] == [
        "received", "released", "started", "printed", "printed"
    ]  # fmt: skip
    assert (detail.job.home_epoch, detail.job.ended_at) == (2, printed_again.at)


def test_the_surer_count_stands_for_the_job_and_all_are_kept(
    database: Database, town: Town
) -> None:
    house, job_id = town.alder, JobId(new_id())
    counts = [("document", "high", 3, 2), ("printer", "low", 4, 3), ("counter", "none", None, 4)]
    with database.writing() as session:
        jobs.on_facts(session, house.gateway.id, [received(house, job_id)])
        for source, confidence, impressions, revision in counts:
            fact = JobCounted(
                job_id, house.account.id, source, confidence, impressions, NOON, revision
            )
            jobs.on_facts(session, house.gateway.id, [fact])
    with database.reading() as session:
        detail = jobs.get_job(session, house.account.id, job_id)
    assert (detail.job.impressions, detail.job.impressions_source) == (3, "document")
    assert len(detail.counts) == 3


def test_a_gateway_speaks_only_of_accounts_it_serves_and_of_its_own_jobs(
    database: Database, town: Town
) -> None:
    alder, cedar, job_id = town.alder, town.cedar, JobId(new_id())
    with database.writing() as session:
        jobs.on_facts(session, alder.gateway.id, [received(alder, job_id)])
    with pytest.raises(NotServedError), database.writing() as session:
        jobs.on_facts(session, cedar.gateway.id, [usage(alder, job_id, new_id())])
    cancel = changed(cedar, job_id, "canceled", JobState.CANCELED, 9)
    with pytest.raises(ForeignJobError), database.writing() as session:
        jobs.on_facts(session, cedar.gateway.id, [cancel])
    with database.reading() as session:
        assert session.scalars(select(Job.state)).one() == JobState.PENDING_HELD
        assert session.scalars(select(UsageRow)).all() == []


def test_cleo_sees_nothing_of_alder(database: Database, town: Town) -> None:
    job_id = JobId(new_id())
    with database.writing() as session:
        jobs.on_facts(session, town.alder.gateway.id, [received(town.alder, job_id)])
    with database.reading() as session:
        assert jobs.get_job(session, town.alder.account.id, job_id).job.title == "report.pdf"
        assert len(jobs.list_jobs(session, town.alder.account.id).items) == 1
        with pytest.raises(NotFoundError):
            jobs.get_job(session, town.cedar.account.id, job_id)
        assert jobs.list_jobs(session, town.cedar.account.id).items == []


def test_a_list_of_jobs_has_pages_and_filters(database: Database, town: Town) -> None:
    house = town.alder
    with database.writing() as session:
        for n in range(7):
            fact = received(house, JobId(new_id()))
            jobs.on_facts(session, house.gateway.id, [fact])
            if n % 2:
                end = changed(house, fact.job_id, "canceled", JobState.CANCELED, 2)
                jobs.on_facts(session, house.gateway.id, [end])
    with database.reading() as session:
        seen: list[JobId] = []
        cursor = None
        while True:
            page = jobs.list_jobs(session, house.account.id, cursor=cursor, limit=3)
            seen += [job.id for job in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 7
        held = jobs.list_jobs(session, house.account.id, reason=Hold.OWNER.value)
        assert len(held.items) == 4
        canceled = jobs.list_jobs(session, house.account.id, states=[JobState.CANCELED])
        assert len(canceled.items) == 3
        assert jobs.list_jobs(session, house.account.id, text="REPORT").items
        assert not jobs.list_jobs(session, house.account.id, text="%").items
