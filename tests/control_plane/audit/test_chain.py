from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import SYSTEM, Actor
from control_plane.database import Database
from shared.ids import AccountId, new_id

ALDER = tenants.account(AccountId(new_id()))


def add(database: Database, count: int) -> None:
    for number in range(count):
        with database.writing() as session:
            audit.record(session, ALDER, "thing.changed", SYSTEM, detail={"number": number})


def broken(database: Database) -> list[str]:
    with database.reading() as session:
        return [what.what for _, _, what in audit.verify(session) if what]


def test_an_untouched_chain_verifies_also_when_written_from_many_threads(
    database: Database,
) -> None:
    threads = [threading.Thread(target=add, args=(database, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert list(audit.verify(session)) == [(str(ALDER), 40, None)]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_events SET outcome = 'refused' WHERE seq = 2", "row 2 was changed"),
        ("DELETE FROM audit_events WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM audit_events WHERE seq = 3", "the chain should end at row 3, and ends at 2"),
        ("UPDATE audit_events SET detail = '{}' WHERE seq = 1", "row 1 was changed"),
    ],
)
def test_a_touched_row_is_named(database: Database, statement: str, says: str) -> None:
    add(database, 3)
    assert broken(database) == []
    with database.writing() as session:
        session.execute(text(statement))
    assert broken(database) == [says]


def test_hostile_text_is_kept_and_the_chain_still_verifies(database: Database) -> None:
    with database.writing() as session:
        audit.record(
            session,
            ALDER,
            "x",
            Actor("user", None, "a\x00b\ud800", "1.2.3.4\r\n"),
            detail={"text": "\x00\r\n\u202e"},
        )
    assert broken(database) == []
