"""Where a lane goes on, and what its jobs count from when it begins anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.ingest import marks
from control_plane.jobs import service as jobs
from control_plane.vault import Vault
from shared.ids import GatewayId, JobId, new_id
from shared.job_states import Hold, JobState
from shared.messages import envelope
from shared.messages.envelope import Lane
from shared.messages.events import JobChanged, JobReceived, Source
from shared.messages.hello import LaneAction, LaneHello, LaneMark, Position
from tests.support.houses import TESTER, Town

EPOCH = "e" * 32
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def gateway(database: Database, town: Town, vault: Vault) -> GatewayId:
    gateway_id = town.alder.gateway.id
    with database.writing() as session:
        gateways.on_enrolled(session, gateway_id, b"\x09" * 32, TESTER, vault=vault)
    assert say_hello(database, gateway_id).action is LaneAction.CONTINUE
    return gateway_id


def say_hello(database: Database, gateway: GatewayId, trouble: str = "") -> LaneMark:
    chain = envelope.chain_start(gateway, Lane.FACTS, EPOCH).hex()
    with database.writing() as session:
        said = LaneHello(EPOCH, 1, chain, 1, trouble=trouble)
        return marks.on_hello(session, gateway, Lane.FACTS, said).mark


def test_every_box_that_begins_anew_counts_from_a_number_of_its_own(
    database: Database, gateway: GatewayId
) -> None:
    """Two copies of a disk ask before either has told anything: each is given another number."""
    given = [say_hello(database, gateway, trouble="forked") for _ in range(3)]
    assert {mark.action for mark in given} == {LaneAction.NEW_EPOCH}
    assert [mark.home_epoch for mark in given] == [2, 3, 4]
    assert say_hello(database, gateway).home_epoch == 0


def test_a_primary_from_a_backup_gives_out_what_nobody_has_told_yet(
    database: Database, gateway: GatewayId, town: Town
) -> None:
    """It forgot what it gave out; what a gateway told again says how far it had come."""
    job_id = JobId(new_id())
    with database.writing() as session:
        jobs.on_facts(session, gateway, [received(town, job_id)])
        jobs.on_facts(session, gateway, [held_in_the_seventh_life(town, job_id)])
    assert say_hello(database, gateway, trouble="forked").home_epoch == 8


def received(town: Town, job_id: JobId) -> JobReceived:
    return JobReceived(
        job_id=job_id,
        account_id=town.alder.account.id,
        queue_id=town.alder.pull.id,
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


def held_in_the_seventh_life(town: Town, job_id: JobId) -> JobChanged:
    return JobChanged(
        job_id=job_id,
        account_id=town.alder.account.id,
        event="held",
        state=JobState.PENDING_HELD,
        reasons=(Hold.UNCERTAIN.value,),
        at=NOON + timedelta(hours=1),
        revision=2,
        home_epoch=7,
    )


def comes_back(
    database: Database, gateway: GatewayId, epoch: str, previous: str, lane: Lane = Lane.FACTS
) -> LaneMark:
    """Say Hello under an epoch that follows another one, of which nothing was acknowledged."""
    chain = envelope.chain_start(gateway, lane, epoch).hex()
    before = Position(previous, 0, envelope.chain_start(gateway, lane, previous).hex())
    with database.writing() as session:
        said = LaneHello(epoch, 1, chain, 1, previous=before, why="identity")
        return marks.on_hello(session, gateway, lane, said).mark


def test_a_disk_that_was_another_gateway_is_asked_once_to_begin_anew(
    database: Database, gateway: GatewayId
) -> None:
    elsewhere, back, anew = "f" * 32, "a" * 32, "b" * 32
    asked = comes_back(database, gateway, back, elsewhere)
    assert (asked.action, asked.epoch, asked.upto_seq) == (LaneAction.NEW_EPOCH, back, 0)
    assert asked.home_epoch == 2
    # The power went before it did so: it is asked again, under another number.
    again = comes_back(database, gateway, back, elsewhere)
    assert (again.action, again.home_epoch) == (LaneAction.NEW_EPOCH, 3)
    done = comes_back(database, gateway, anew, back)
    assert (done.action, done.epoch) == (LaneAction.CONTINUE, anew)


def test_an_epoch_that_follows_a_known_one_and_a_lane_without_jobs_just_go_on(
    database: Database, gateway: GatewayId
) -> None:
    assert comes_back(database, gateway, "a" * 32, EPOCH).action is LaneAction.CONTINUE
    for epoch, before in (("c" * 32, "d" * 32), ("e" * 32, "f" * 32)):
        mark = comes_back(database, gateway, epoch, before, Lane.TELEMETRY)
        assert mark.action is LaneAction.CONTINUE
