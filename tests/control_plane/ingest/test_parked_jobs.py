"""Rows of a job that are parked, and a list of jobs: whichever is applied first, it ends the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select

from control_plane.database import Database
from control_plane.ingest import marks, parking
from control_plane.ingest.models import ParkedRow
from control_plane.jobs import service as jobs
from control_plane.jobs.models import Job
from control_plane.jobs.repository import LOST, ON_ITS_WAY
from shared.ids import JobId, new_id
from shared.job_states import JobState
from shared.messages import codec, envelope
from shared.messages.envelope import Batch, BatchHeader, Lane
from shared.messages.events import JobsListed
from shared.messages.hello import LaneHello
from tests.control_plane.jobs.test_facts import NOON, changed, received
from tests.support.houses import House, Town

EPOCH: Final = "e" * 32
LATER: Final = NOON + timedelta(hours=2)


def listed(*ids: JobId, home_epoch: int = 2) -> JobsListed:
    return JobsListed(ids, "", "", home_epoch, "behind", LATER)


def a_batch(house: House, facts: Sequence[Any], first: int = 1) -> Batch:
    rows = [
        envelope.encode_row(
            n, fact.KIND, fact.entity, codec.to_plain(fact.at), codec.to_plain(fact)
        )
        for n, fact in enumerate(facts, start=first)
    ]
    start = envelope.chain_start(house.gateway.id, Lane.FACTS, EPOCH).hex()
    header = BatchHeader(envelope.VERSION, Lane.FACTS, EPOCH, first, start)
    return envelope.decode_batch(envelope.encode_batch(header, rows))


def tell(database: Database, house: House, *facts: Any) -> None:
    if facts:
        with database.writing() as session:
            parking.apply_or_park(session, [(house.gateway.id, a_batch(house, facts))])


def park(database: Database, house: House, *facts: Any) -> None:
    """As if this primary had not known them when they came."""
    batch = a_batch(house, facts, first=100)
    with database.writing() as session:
        for row in batch.rows:
            parking._park(session, house.gateway.id, batch, row, "not known yet")


def retry(database: Database, house: House) -> None:
    with database.writing() as session:
        parking.retry_all(session)
        assert not parking.list_parked(session, house.gateway.id)


def look(database: Database, house: House, job_id: JobId) -> tuple[int, list[str], list[str]]:
    """State and reasons of a job, and its timeline."""
    with database.reading() as session:
        found = jobs.get_job(session, house.account.id, job_id)
        return found.job.state, found.job.reasons, [line.event for line in found.timeline]


def facts_of(house: House, job_id: JobId) -> dict[str, Any]:
    return {
        "received": received(house, job_id),
        "released": changed(house, job_id, "released", JobState.PENDING, 2),
        "held": changed(house, job_id, "held", JobState.PENDING_HELD, 3),
        "printed": changed(house, job_id, "printed", JobState.COMPLETED, 4),
    }


HELD, ABORTED = int(JobState.PENDING_HELD), int(JobState.ABORTED)
# What was told, what of it was parked, and how the job ends when a list lacks it.
STORIES = [
    (["received"], ["received"], (ABORTED, [LOST], ["received", "lost"])),
    (["received", "held"], ["held"], (ABORTED, [LOST], ["received", "held", "lost"])),
    (["received", "released"], ["released"],
     (ABORTED, [LOST, ON_ITS_WAY], ["received", "released", "lost"])),
    (["received", "released"], ["received", "released"],
     (ABORTED, [LOST, ON_ITS_WAY], ["received", "released", "lost"])),
]  # fmt: skip


@pytest.mark.parametrize("list_is_first", [True, False])
@pytest.mark.parametrize(("told", "parked", "ends"), STORIES)
def test_a_job_that_the_list_lacks_is_lost_whichever_comes_first(
    database: Database,
    town: Town,
    told: list[str],
    parked: list[str],
    ends: tuple[int, list[str], list[str]],
    *,
    list_is_first: bool,
) -> None:
    house, job_id = town.alder, JobId(new_id())
    facts = facts_of(house, job_id)
    tell(database, house, *(facts[name] for name in told if name not in parked))
    park(database, house, *(facts[name] for name in parked))
    for act in ("list", "retry") if list_is_first else ("retry", "list"):
        if act == "list":
            tell(database, house, listed())
        else:
            retry(database, house)
    assert look(database, house, job_id) == ends


def test_a_job_that_the_list_has_stays_and_so_does_what_was_printed(
    database: Database, town: Town
) -> None:
    house, stays, printed = town.alder, JobId(new_id()), JobId(new_id())
    tell(database, house, received(house, stays), received(house, printed))
    park(database, house, facts_of(house, stays)["held"], facts_of(house, printed)["printed"])
    tell(database, house, listed(stays))
    assert look(database, house, printed)[:2] == (ABORTED, [LOST])
    retry(database, house)
    assert look(database, house, stays)[0] == HELD
    assert look(database, house, printed)[:2] == (int(JobState.COMPLETED), [])


def test_a_later_list_that_has_the_job_again_counts(database: Database, town: Town) -> None:
    """The newer disk was put back."""
    house, job_id = town.alder, JobId(new_id())
    tell(database, house, received(house, job_id))
    park(database, house, facts_of(house, job_id)["held"])
    tell(database, house, listed())
    tell(database, house, listed(job_id, home_epoch=3))
    retry(database, house)
    assert look(database, house, job_id)[0] == HELD


def test_a_part_and_another_gateways_list_say_nothing_of_other_parked_jobs(
    database: Database, town: Town
) -> None:
    house, low, high = town.alder, *sorted(JobId(new_id()) for _ in range(2))
    park(database, house, received(house, low), received(house, high))
    tell(database, house, replace(listed(), upto=low))
    tell(database, town.cedar, listed())
    retry(database, house)
    assert look(database, house, low)[0] == ABORTED
    assert look(database, house, high)[0] == HELD


def test_what_is_parked_of_a_box_that_was_replaced_is_lost_with_its_disk(
    database: Database, town: Town
) -> None:
    house, job_id = town.alder, JobId(new_id())
    with database.writing() as session:
        marks.on_hello(session, house.gateway.id, Lane.FACTS, LaneHello(EPOCH, 1, "", 1))
    tell(database, house, received(house, job_id))
    park(database, house, facts_of(house, job_id)["held"])
    with database.writing() as session:
        marks.on_hello(session, house.gateway.id, Lane.FACTS, LaneHello("f" * 32, 1, "", 1))
    retry(database, house)
    assert look(database, house, job_id) == (ABORTED, [LOST], ["received", "held", "lost"])


def test_a_list_that_was_parked_itself_is_noted_when_it_is_applied(
    database: Database, town: Town
) -> None:
    house, job_id = town.alder, JobId(new_id())
    tell(database, house, received(house, job_id))
    park(database, house, facts_of(house, job_id)["held"], listed())
    with database.writing() as session:
        assert parking.retry(session, house.gateway.id, "jobs") == 1
        waiting = session.scalars(select(ParkedRow).where(ParkedRow.gone_epoch == 2)).all()
        assert [row.entity for row in waiting] == [f"job:{job_id}"]
        job = session.get(Job, job_id)
        assert job is not None
        assert job.state == ABORTED
    retry(database, house)
    assert look(database, house, job_id)[0] == ABORTED
