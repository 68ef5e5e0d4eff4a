"""What was told is found again; a row less is lost, a row more is doubled."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, text

from control_plane.audit import service as audit
from control_plane.database import Database
from control_plane.ingest.models import ParkedRow
from control_plane.jobs import service as jobs
from control_plane.jobs.models import JobCount, JobEvent, UsageRow
from control_plane.simulate import ledger, town
from control_plane.simulate.ledger import Verdict
from control_plane.simulate.work import Desk, House, Ledger
from control_plane.vault import Vault
from shared.ids import GatewayId
from tests.support.houses import Town


@pytest.fixture
def house(database: Database, vault: Vault, town: Town) -> tuple[House, GatewayId]:
    """A simulated account, and a gateway of the town that serves it."""
    made = make_house(database, vault)
    with database.writing() as session:
        session.execute(
            text("INSERT INTO gateway_accounts (gateway_id, account_id, since)"
                 " VALUES (:g, :a, :at)"),
            {"g": town.alder.gateway.id, "a": made.account_id, "at": datetime.now(UTC)},
        )  # fmt: skip
    return made, town.alder.gateway.id


def make_house(database: Database, vault: Vault) -> House:
    first, again = (town.prepare(database, vault, 1)[0] for _ in range(2))
    assert first == again
    return first


@pytest.fixture
def told(database: Database, house: tuple[House, GatewayId]) -> Ledger:
    """Three jobs, two of them printed, as a gateway tells them."""
    told, (home, gateway_id) = Ledger(), house
    desk, now = Desk(home), datetime.now(UTC)
    facts: list[Any] = [*desk.send(now, Random(1)), *desk.send(now, Random(2)), *desk.tap(now)]
    facts += desk.send(now, Random(3))
    for fact in facts:
        told.note(fact)
    assert told.facts == len(facts)
    taps = [fact for fact in facts if fact.KIND == "audit.recorded"]
    with database.writing() as session:
        jobs.on_facts(session, gateway_id, [fact for fact in facts if fact not in taps])
        audit.on_gateway_audit(session, [(gateway_id, tap) for tap in taps])
    return told


def verdict(database: Database, told: Ledger, gateway_id: GatewayId) -> Verdict:
    with database.reading() as session:
        return ledger.compare(session, told, [gateway_id])


def test_everything_is_there(
    database: Database, told: Ledger, house: tuple[House, GatewayId]
) -> None:
    assert verdict(database, told, house[1]) == Verdict()


@pytest.mark.parametrize("kind", [JobEvent, JobCount, UsageRow])
def test_rows_that_are_gone_are_lost(
    database: Database, told: Ledger, house: tuple[House, GatewayId], kind: Any
) -> None:
    job_id = next(iter(told.lines))
    with database.writing() as session:
        session.execute(delete(kind).where(kind.job_id == job_id))
    found = verdict(database, told, house[1])
    assert (found.lost > 0, found.doubled, found.is_well) == (True, 0, False)


def test_rows_that_nobody_told_are_doubled(
    database: Database, told: Ledger, house: tuple[House, GatewayId]
) -> None:
    told.usage.pop()
    job_id = next(iter(told.lines))
    told.lines[job_id] -= 1
    assert verdict(database, told, house[1]).doubled == 2


def test_parked_rows_are_counted(
    database: Database, told: Ledger, house: tuple[House, GatewayId]
) -> None:
    now = datetime.now(UTC)
    with database.writing() as session:
        session.add(
            ParkedRow(
                gateway_id=house[1], lane="facts", epoch="e", seq=1, kind="k", entity="x", raw=b"",
                reason="", parked_at=now, settled_at=None,
            )
        )  # fmt: skip
    assert verdict(database, told, house[1]) == Verdict(parked=1)
