"""Jobs that a gateway no longer has are shown as lost, or as of unknown outcome; never as printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.words import sentence
from control_plane.database import Database
from control_plane.ingest import marks
from control_plane.jobs import repository, words
from control_plane.jobs import service as jobs
from control_plane.jobs.models import Job
from control_plane.jobs.repository import LOST, ON_ITS_WAY
from control_plane.now import service as now_service
from control_plane.now.troubles import troubles_of
from shared.ids import JobId, new_id
from shared.job_states import Hold, JobState
from shared.messages.envelope import Lane
from shared.messages.events import JobsListed
from shared.messages.hello import LaneHello, Position
from tests.control_plane.jobs.test_facts import NOON, changed, received
from tests.support.houses import House, Town

LATER = NOON + timedelta(hours=2)


def listed(*ids: JobId, home_epoch: int = 2, after: str = "", upto: str = "") -> JobsListed:
    return JobsListed(ids, after, upto, home_epoch, "behind", LATER)


def tell(database: Database, house: House, *facts: object) -> None:
    """One transaction, as of one batch."""
    with database.writing() as session:
        jobs.on_told(session, [(house.gateway.id, fact) for fact in facts])  # type: ignore[misc]


def some_jobs(database: Database, house: House, count: int) -> list[JobId]:
    ids = sorted(JobId(new_id()) for _ in range(count))
    tell(database, house, *(received(house, job_id) for job_id in ids))
    return ids


def look(database: Database, house: House, job_id: JobId) -> Job:
    with database.reading() as session:
        return jobs.get_job(session, house.account.id, job_id).job


def events(database: Database, house: House, job_id: JobId) -> list[str]:
    with database.reading() as session:
        detail = jobs.get_job(session, house.account.id, job_id)
    return [line.event for line in detail.timeline]


def audited(database: Database, house: House) -> Sequence[tuple[str, dict[str, object]]]:
    with database.reading() as session:
        page = audit.list_events(session, tenants.account(house.account.id))
        return [
            (sentence(row), row.detail)
            for row in page.items
            if row.event.startswith("gateway.jobs-")
        ]


def test_what_waited_is_lost_what_was_on_its_way_is_unknown_and_the_rest_stays(
    database: Database, town: Town
) -> None:
    house = town.alder
    stays, waited, went, printing, unsure, done = some_jobs(database, house, 6)
    on_paper = [
        changed(house, went, "released", JobState.PENDING, 2),
        changed(house, printing, "released", JobState.PENDING, 2),
        changed(house, printing, "started", JobState.PROCESSING, 3),
        replace(
            changed(house, unsure, "outcome-unknown", JobState.PENDING_HELD, 4),
            reasons=(Hold.UNCERTAIN.value,),
        ),
        changed(house, done, "printed", JobState.COMPLETED, 4),
    ]
    tell(database, house, *on_paper)

    tell(database, house, listed(stays))

    assert look(database, house, stays).state == JobState.PENDING_HELD
    assert look(database, house, done).state == JobState.COMPLETED
    lost = look(database, house, waited)
    assert (lost.state, lost.reasons, lost.ended_at) == (JobState.ABORTED, [LOST], LATER)
    assert words.state_words(lost) == ("bad", "Lost")
    assert "no longer on it" in words.why_not_printed(lost, LATER)
    for job_id in (went, printing, unsure):
        unknown = look(database, house, job_id)
        assert unknown.reasons == [LOST, ON_ITS_WAY]
        assert words.state_words(unknown) == ("warn", "Outcome unknown")
    assert events(database, house, waited) == ["received", "lost"]
    assert audited(database, house) == [
        ("Jobs are no longer on the gateway Alder one",
         {"name": "Alder one", "lost": 1, "unknown": 3}),
    ]  # fmt: skip
    with database.reading() as session:
        assert jobs.get_job(session, house.account.id, printing).usage == []


def test_the_same_list_again_changes_nothing_more(database: Database, town: Town) -> None:
    (gone,) = some_jobs(database, town.alder, 1)
    for _ in range(2):
        tell(database, town.alder, listed())
    assert events(database, town.alder, gone) == ["received", "lost"]
    assert len(audited(database, town.alder)) == 1


def test_a_part_speaks_of_its_own_range_alone(database: Database, town: Town) -> None:
    first, second, third = some_jobs(database, town.alder, 3)
    tell(database, town.alder, listed(upto=first))
    tell(database, town.alder, listed(after=second))
    states = [look(database, town.alder, each).state for each in (first, second, third)]
    assert states == [JobState.ABORTED, JobState.PENDING_HELD, JobState.ABORTED]


def test_what_was_told_later_than_the_list_is_not_lost_by_it(
    database: Database, town: Town
) -> None:
    house, after, with_it = town.alder, JobId(new_id()), JobId(new_id())
    tell(database, house, replace(received(house, after), home_epoch=2))
    tell(database, house, listed(), received(house, with_it))
    assert look(database, house, after).state == JobState.PENDING_HELD
    assert look(database, house, with_it).state == JobState.PENDING_HELD


def test_another_gateways_jobs_and_another_accounts_are_left_alone(
    database: Database, town: Town
) -> None:
    (theirs,) = some_jobs(database, town.cedar, 1)
    (ours,) = some_jobs(database, town.alder, 1)
    tell(database, town.alder, listed())
    assert look(database, town.cedar, theirs).state == JobState.PENDING_HELD
    assert look(database, town.alder, ours).state == JobState.ABORTED
    assert audited(database, town.cedar) == []


def test_a_fact_that_arrives_after_all_counts(database: Database, town: Town) -> None:
    house = town.alder
    (job_id,) = some_jobs(database, house, 1)
    tell(database, house, listed())
    tell(database, house, changed(house, job_id, "printed", JobState.COMPLETED, 3))
    job = look(database, house, job_id)
    assert (job.state, job.reasons) == (JobState.COMPLETED, [])


def test_a_job_that_turns_up_again_is_what_it_was(database: Database, town: Town) -> None:
    house = town.alder
    (job_id,) = some_jobs(database, house, 1)
    tell(database, house, listed(home_epoch=2))
    tell(database, house, listed(job_id, home_epoch=3))
    job = look(database, house, job_id)
    assert (job.state, job.reasons, job.ended_at) == (
        JobState.PENDING_HELD, [Hold.OWNER.value], None
    )  # fmt: skip
    assert events(database, house, job_id) == ["received", "lost", "found"]
    # And may be lost once more.
    tell(database, house, listed(home_epoch=4))
    assert look(database, house, job_id).reasons == [LOST]
    assert events(database, house, job_id) == ["received", "lost", "found", "lost"]


def test_a_gateway_that_is_set_forward_is_not_told_that_a_lost_job_went_to_paper(
    database: Database, town: Town
) -> None:
    house = town.alder
    waited, went = some_jobs(database, house, 2)
    tell(database, house, changed(house, went, "released", JobState.PENDING, 2))
    tell(database, house, listed())
    with database.reading() as session:
        known = repository.left_waiting(session, house.gateway.id, NOON)
    assert (waited in known, went in known) == (False, True)


@pytest.mark.parametrize("follows", [False, True])
def test_a_box_with_an_empty_disk_has_none_of_the_jobs_and_one_that_goes_on_has_all(
    database: Database, town: Town, *, follows: bool
) -> None:
    house, first, second = town.alder, "a" * 32, "b" * 32
    (job_id,) = some_jobs(database, house, 1)
    with database.writing() as session:
        begin = LaneHello(first, 1, "", 1)
        started = marks.on_hello(session, house.gateway.id, Lane.FACTS, begin)
        assert started.mark.epoch == first
        position = Position(first, 0, started.mark.chain or "") if follows else None
        other = LaneHello(second, 1, "", 1, position, "behind" if follows else "born")
        decided = marks.on_hello(session, house.gateway.id, Lane.FACTS, other)
        assert decided.mark.epoch == second
    expected = JobState.PENDING_HELD if follows else JobState.ABORTED
    assert look(database, house, job_id).state == expected


def test_an_administrator_sees_them_on_the_first_page_for_a_week(
    database: Database, town: Town
) -> None:
    house = town.alder
    some_jobs(database, house, 2)
    tell(database, house, listed())

    def titles(days: int) -> list[str]:
        with database.reading() as session:
            now = now_service.look(session, house.account.id, LATER + timedelta(days=days))
        return [t.title for t in troubles_of(now, lambda *_a, **_k: "/jobs")]

    assert "2 jobs were lost with a gateway's disk" in titles(1)
    assert not any("lost" in title for title in titles(8))
    with database.reading() as session:
        found = jobs.list_jobs(session, house.account.id, reason=LOST).items
        assert len(found) == 2
