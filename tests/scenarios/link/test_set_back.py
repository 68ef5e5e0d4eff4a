"""A gateway that was set back in time holds what went to paper since, and tells of paper twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane.jobs.models import Job as JobRow
from control_plane.jobs.models import JobEvent as EventRow
from edge_agent.jobs.model import Actor, Job
from edge_agent.sync import rollback
from shared.ids import JobId, PrinterId, UserId, new_id
from shared.job_states import Hold, JobState
from tests.support.jobs import a_new_job
from tests.support.line import Box, Primary, a_gateway, until

PRINTER = PrinterId(new_id())


async def send(primary: Primary, box: Box, title: str) -> Job:
    new = a_new_job(
        title=title,
        account_id=primary.town.alder.account.id,
        queue_id=primary.town.alder.pull.id,
        owner_id=primary.town.ada.id,
    )
    return await box.jobs.accept(new, format="application/pdf", name=title, body=b"%PDF")


async def release(primary: Primary, box: Box, job: Job) -> None:
    alder, ada = primary.town.alder.account.id, UserId(primary.town.ada.id)
    done = await box.jobs.release(alder, ada, [job.id], PRINTER, Actor("card", user_id=ada))
    assert done.released == (job.id,)


def known_state(primary: Primary, job_id: JobId) -> int | None:
    with primary.database.reading() as session:
        return session.scalar(select(JobRow.state).where(JobRow.id == job_id))


def lines(primary: Primary, job_id: JobId) -> list[tuple[int, str]]:
    """The job's events, each with its epoch: the how manieth of those that the job was in.

    The numbers themselves have gaps: one is given out with each answer, also with an answer that
    came too late and was asked for again.
    """
    with primary.database.reading() as session:
        query = select(EventRow.home_epoch, EventRow.event).where(EventRow.job_id == job_id)
        rows = session.execute(query.order_by(EventRow.home_epoch, EventRow.revision)).all()
    epochs = sorted({row.home_epoch for row in rows})
    return [(epochs.index(row.home_epoch) + 1, row.event) for row in rows]


async def test_a_job_that_went_to_paper_meanwhile_is_held_for_a_person(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    state, snapshot = tmp_path / "box", tmp_path / "snapshot"
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        went = await send(primary, box, "went")
        stays = await send(primary, box, "stays")
        await box.told()
    shutil.copytree(state, snapshot)
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        await release(primary, box, went)
        await box.told()
    assert known_state(primary, went.id) == JobState.PENDING

    async with a_gateway(primary, snapshot, identity) as box:
        await box.connected()
        await until(lambda: primary.count("gateway.rolled-back") == 1, "it is noticed")
        held = await box.jobs.get(went.id)
        assert Hold.UNCERTAIN in held.holds
        free = await box.jobs.get(stays.id)
        assert Hold.UNCERTAIN not in free.holds
        await box.told()
    assert known_state(primary, went.id) == JobState.PENDING_HELD
    assert lines(primary, went.id) == [(1, "received"), (1, "released"), (2, "held")]
    assert primary.count("gateway.rolled-back") == 1


async def test_paper_that_came_twice_is_told_and_not_hidden(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    state, snapshot = tmp_path / "box", tmp_path / "snapshot"
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        job = await send(primary, box, "twice")
        await box.told()
    shutil.copytree(state, snapshot)
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        await release(primary, box, job)
        await box.told()

    async with a_gateway(primary, snapshot, identity) as box:
        # Before the primary can warn it: the same revision of the same job, on other paper.
        await release(primary, box, job)
        await box.connected()
        await box.told()
    released = [line for line in lines(primary, job.id) if line[1] == "released"]
    assert released == [(1, "released"), (2, "released")]


async def test_two_copies_of_one_disk_never_share_a_line_of_a_timeline(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    state, copies = tmp_path / "box", [tmp_path / "first", tmp_path / "second"]
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        job = await send(primary, box, "thrice")
        await box.told()
    for copy in copies:
        shutil.copytree(state, copy)
    for disk in (state, *copies):
        async with a_gateway(primary, disk, identity) as box:
            # Each time the same revision of the same job, at another moment.
            await release(primary, box, job)
            await box.connected()
            await box.told()
    released = [line for line in lines(primary, job.id) if line[1] == "released"]
    assert released == [(1, "released"), (2, "released"), (3, "released")]


async def test_what_only_the_lost_time_knew_is_shown_as_lost_or_unknown(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    state, snapshot = tmp_path / "box", tmp_path / "snapshot"
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        stays = await send(primary, box, "stays")
        await box.told()
    shutil.copytree(state, snapshot)
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        waited, went = await send(primary, box, "waited"), await send(primary, box, "went")
        await release(primary, box, went)
        await box.told()

    async with a_gateway(primary, snapshot, identity) as box:
        await box.connected()
        await until(lambda: primary.count("gateway.jobs-lost") == 1, "the list was compared")
        # What comes from now on is told later than the list.
        new = await send(primary, box, "new")
        await box.told()
        assert (await box.jobs.get(new.id)).home_epoch > 1
    held, gone = JobState.PENDING_HELD, JobState.ABORTED
    states = [known_state(primary, job.id) for job in (stays, new, waited, went)]
    assert states == [held, held, gone, gone]
    assert lines(primary, waited.id) == [(1, "received"), (2, "lost")]
    row = primary.audit("gateway.jobs-lost")[0]
    assert (row.detail["lost"], row.detail["unknown"]) == (1, 1)

    async with a_gateway(primary, state, identity) as box:
        # The newer disk was put back: what it has is there again.
        await box.connected()
        await until(lambda: primary.count("gateway.jobs-found") == 1, "they are found")
        await box.told()
    assert known_state(primary, waited.id) == held
    assert known_state(primary, new.id) == gone


async def test_a_list_of_many_jobs_is_told_in_parts(
    primary: Primary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollback, "MOST_IN_A_PART", 2)
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    state, snapshot = tmp_path / "box", tmp_path / "snapshot"
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        stay = [await send(primary, box, f"stays {n}") for n in range(4)]
        await box.told()
    shutil.copytree(state, snapshot)
    async with a_gateway(primary, state, identity) as box:
        await box.connected()
        gone = [await send(primary, box, f"gone {n}") for n in range(3)]
        await box.told()
    async with a_gateway(primary, snapshot, identity) as box:
        await box.connected()
        await until(lambda: primary.count("gateway.jobs-lost") == 1, "the list was compared")
        await box.told()
        kinds = box.store.look(
            lambda c: [json.loads(row)["kind"] for (row,) in c.execute("SELECT row FROM outbox")]
        )
    assert kinds.count("jobs.listed") == 2
    assert {known_state(primary, job.id) for job in stay} == {JobState.PENDING_HELD}
    assert {known_state(primary, job.id) for job in gone} == {JobState.ABORTED}


async def test_a_replaced_box_has_none_of_the_jobs_of_the_old_one(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.town.alder.gateway
    identity = primary.enrol(gateway, tmp_path / "old")
    async with a_gateway(primary, tmp_path / "old", identity) as box:
        await box.connected()
        job = await send(primary, box, "of the old box")
        await box.told()
    replaced = primary.enrol(gateway, tmp_path / "new")
    async with a_gateway(primary, tmp_path / "new", replaced) as box:
        await box.connected()
        new = await send(primary, box, "of the new box")
        await box.told()
    assert known_state(primary, job.id) == JobState.ABORTED
    assert known_state(primary, new.id) == JobState.PENDING_HELD


async def test_a_disk_that_was_another_gateway_for_a_while_tells_which_jobs_it_has(
    primary: Primary, tmp_path: Path
) -> None:
    gateway, state = primary.town.alder.gateway, tmp_path / "box"
    async with a_gateway(primary, state, primary.enrol(gateway, state)) as box:
        await box.connected()
        stays, goes = await send(primary, box, "stays"), await send(primary, box, "goes")
        await box.told()
    other = primary.new_gateway("for a while")
    async with a_gateway(primary, state, primary.enrol(other, state)) as box:
        await box.connected()
        await box.jobs.cancel(goes.id, Actor("policy"))
        await box.told()  # As the other gateway, which is not the home of that job.
    assert known_state(primary, goes.id) == JobState.PENDING_HELD

    async with a_gateway(primary, state, primary.enrol(gateway, state)) as box:
        await box.connected()
        await until(lambda: primary.count("gateway.jobs-lost") == 1, "the list was compared")
        new = await send(primary, box, "new")
        await box.told()
    assert known_state(primary, goes.id) == JobState.ABORTED
    assert known_state(primary, stays.id) == known_state(primary, new.id) == JobState.PENDING_HELD
    # It was never set back in time, and nobody is told that it was.
    assert primary.count("gateway.rolled-back") == 0
    assert lines(primary, stays.id) == [(1, "received")]
