"""Many rows in one statement come to the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from control_plane import bulk
from control_plane.audit import service as audit
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.jobs import service as jobs
from control_plane.jobs.models import Job, JobCount, JobEvent
from control_plane.models import Base
from control_plane.vault import Vault
from shared.ids import JobId, new_id
from shared.job_states import JobState
from shared.messages.events import AuditRecorded, JobChanged, JobCounted
from tests.control_plane.jobs.test_facts import changed, received, story, usage
from tests.support.houses import a_town

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEWER = ("home_epoch", "revision")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    database = Database(request.getfixturevalue("postgresql").new_database())
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def a_count(job_id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "job_id": job_id, "source": "document", "account_id": "a", "home_epoch": 1, "revision": 2,
        "confidence": "high", "impressions": 3, "color_impressions": None, "note": "", "at": NOON,
    }  # fmt: skip
    return row | changes


def counts(database: Database) -> dict[str, JobCount]:
    with database.reading() as session:
        return {row.job_id: row for row in session.scalars(select(JobCount))}


def test_what_is_there_already_is_left_or_refused(either: Database) -> None:
    with either.writing() as session:
        bulk.insert(session, JobCount, [a_count("1"), a_count("2")])
    with either.writing() as session:
        bulk.insert_if_new(session, JobCount, [a_count("2", impressions=9), a_count("3")])
    assert {key: row.impressions for key, row in counts(either).items()} == {"1": 3, "2": 3, "3": 3}
    with pytest.raises(IntegrityError), either.writing() as session:
        bulk.insert(session, JobCount, [a_count("4"), a_count("1")])
    assert set(counts(either)) == {"1", "2", "3"}


def test_only_a_newer_row_takes_another_ones_place(either: Database) -> None:
    with either.writing() as session:
        bulk.insert(session, JobCount, [a_count("1", revision=5), a_count("2", home_epoch=2)])
    with either.writing() as session:
        told = [
            a_count("1", revision=6, impressions=7, note="new"),
            a_count("2", revision=9, impressions=8),  # of an earlier life
            a_count("3"),
        ]
        bulk.insert_or_renew(session, JobCount, told, newer_by=NEWER)
    found = counts(either)
    assert [(found[n].impressions, found[n].note) for n in "123"] == [(7, "new"), (3, ""), (3, "")]


def test_a_change_keeps_what_it_does_not_say(either: Database) -> None:
    rows = [a_count("1", color_impressions=1), a_count("2", color_impressions=1, revision=9)]
    with either.writing() as session:
        bulk.insert(session, JobCount, rows)
    key = {"source": "document", "home_epoch": 1, "revision": 3}
    with either.writing() as session:
        changes = [
            {"job_id": "1", **key, "impressions": None, "color_impressions": None},
            {"job_id": "2", **key, "impressions": 8, "color_impressions": 8},
        ]
        kept = frozenset({"color_impressions"})
        bulk.update(session, JobCount, changes, newer_by=NEWER, keep_if_none=kept)
    found = counts(either)
    assert (found["1"].impressions, found["1"].color_impressions) == (None, 1)
    assert (found["2"].impressions, found["2"].color_impressions, found["2"].revision) == (3, 1, 9)
    with either.writing() as session:
        anyhow = [{"job_id": "2", "source": "document", "impressions": 1}]
        bulk.update(session, JobCount, anyhow)
    assert counts(either)["2"].impressions == 1


@pytest.mark.parametrize(
    "text", ["nul \x00 in it", "half \ud800 a character", "\\u0000 said", "é 🖨"]
)
def test_whatever_people_write_is_kept_as_a_single_row_would_keep_it(
    either: Database, text: str
) -> None:
    town = a_town(either, Vault(b"k" * 32))
    house, ids = town.alder, [JobId(new_id()) for _ in range(2)]
    fact = changed(house, ids[0], "refused", JobState.PENDING_HELD, 2)
    facts: list[JobChanged] = [
        JobChanged(**{
            **{name: getattr(fact, name) for name in fact.__slots__},
            "job_id": job_id, "message": text, "detail": {"says": text},
        })
        for job_id in ids
    ]  # fmt: skip
    with either.writing() as session:
        jobs.on_facts(session, house.gateway.id, facts)
    with either.reading() as session:
        rows = session.scalars(select(JobEvent)).all()
    shown = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    assert [row.message for row in rows] == [shown, shown]
    assert [row.detail for row in rows] == [{"says": text}] * 2


def test_many_values_are_found_by_one_parameter(either: Database) -> None:
    ids = [new_id() for _ in range(3_000)]
    with either.writing() as session:
        bulk.insert(session, JobCount, [a_count(job_id) for job_id in ids[::2]])
    with either.reading() as session:
        query = select(JobCount.job_id).where(bulk.among(session, JobCount.job_id, ids))
        assert set(session.scalars(query)) == set(ids[::2])
        assert session.scalars(query.where(bulk.among(session, JobCount.source, []))).all() == []


def test_the_facts_of_several_gateways_in_one_transaction(either: Database) -> None:
    town = a_town(either, Vault(b"k" * 32))
    told: list[Any] = []
    taps: list[Any] = []
    for house in (town.alder, town.cedar):
        for _ in range(20):
            job_id = JobId(new_id())
            counted = JobCounted(job_id, house.account.id, "document", "high", 3, NOON, 2)
            told += [
                (house.gateway.id, fact)
                for fact in (
                    received(house, job_id), counted, *story(house, job_id),
                    usage(house, job_id, new_id()),
                )
            ]  # fmt: skip
            tap = AuditRecorded(new_id(), "card.tapped", "ok", NOON, house.account.id)
            taps.append((house.gateway.id, tap))
    with either.writing() as session:
        jobs.on_told(session, told)
        audit.on_gateway_audit(session, taps)
    with either.writing() as session:
        jobs.on_told(session, told[::-1])
        audit.on_gateway_audit(session, taps)
    with either.reading() as session:
        for house in (town.alder, town.cedar):
            found = jobs.list_jobs(session, house.account.id, limit=50).items
            assert len(found) == 20
            assert {(job.state, job.impressions, job.printer_id) for job in found} == {
                (int(JobState.COMPLETED), 3, house.printer.id)
            }
            assert {job.ended_at for job in found} == {NOON + timedelta(seconds=4)}
            detail = jobs.get_job(session, house.account.id, found[0].id)
            assert [len(detail.timeline), len(detail.counts), len(detail.usage)] == [4, 1, 1]
        assert {job.message for job in session.scalars(select(Job))} == {""}
        tapped = select(AuditEvent).where(AuditEvent.event == "card.tapped")
        assert len(session.scalars(tapped).all()) == 40
        assert [broken for _, _, broken in audit.verify(session) if broken] == []
