"""Transactions that speak of several tenants link their rows in one order of locks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import SYSTEM
from control_plane.database import Database
from control_plane.models import Base
from shared.ids import AccountId, new_id
from tests.support.postgresql import running

ALDER, BIRCH = (tenants.account(AccountId(new_id())) for _ in range(2))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Database]:
    with running() as server:
        database = Database(server.new_database())
        Base.metadata.create_all(database.engine)
        yield database
        database.close()


def plainly(_session: Session) -> AbstractContextManager[None]:
    return nullcontext()


@pytest.mark.parametrize("linked", [audit.together, plainly])
def test_two_that_speak_of_the_same_tenants_do_not_wait_for_each_other(
    postgresql: Database, linked: Callable[[Session], AbstractContextManager[None]]
) -> None:
    """The twin, which links its rows as they come, shows what there is to be afraid of."""
    both = threading.Barrier(2)
    failed = list[Exception]()

    def work(*order: tenants.Tenant) -> None:
        try:
            with postgresql.writing() as session, linked(session):
                audit.record(session, order[0], "seen.first", SYSTEM)
                both.wait(10)
                audit.record(session, order[1], "seen.second", SYSTEM)
        except OperationalError as error:
            failed.append(error)

    with postgresql.writing() as session:
        for tenant in (ALDER, BIRCH):
            audit.record(session, tenant, "seen.begin", SYSTEM)
    threads = [
        threading.Thread(target=work, args=order) for order in ((ALDER, BIRCH), (BIRCH, ALDER))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(failed) == (0 if linked is audit.together else 1)
    with postgresql.reading() as session:
        assert all(broken is None for _, _, broken in audit.verify(session))


def record_and_fail(session: Session) -> None:
    with audit.together(session):
        audit.record(session, ALDER, "seen.left", SYSTEM)
        raise ValueError("no")


def test_what_fails_inside_takes_its_rows_with_it(database: Database) -> None:
    with database.writing() as session, audit.together(session):
        audit.record(session, ALDER, "seen.kept", SYSTEM)
        with pytest.raises(ValueError, match="no"):
            record_and_fail(session)
    with database.reading() as session:
        events = [row.event for row in audit.list_events(session, ALDER).items]
        assert events == ["seen.kept"]
        assert all(broken is None for _, _, broken in audit.verify(session))
