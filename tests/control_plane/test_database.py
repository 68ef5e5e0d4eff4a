from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import OperationalError, StatementError

from control_plane.database import Database, Moment, create_database_engine, sqlite_url

COUNTERS = Table(
    "counters",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("value", Integer),
    Column("at", Moment),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(tmp_path / "test.db"))
    COUNTERS.metadata.create_all(database.engine)
    with database.writing() as session:
        session.execute(insert(COUNTERS).values(id=1, value=0))
    yield database
    database.close()


def test_a_reading_session_cannot_change_anything(database: Database) -> None:
    with database.reading() as session, pytest.raises(OperationalError, match="readonly"):
        session.execute(update(COUNTERS).values(value=7))
    with database.writing() as session:
        session.execute(update(COUNTERS).values(value=7))
    with database.reading() as session:
        assert session.scalar(select(COUNTERS.c.value)) == 7


def test_writers_wait_for_each_other_and_lose_nothing(database: Database) -> None:
    def count() -> None:
        for _ in range(25):
            with database.writing() as session:
                value = session.scalar(select(COUNTERS.c.value)) or 0
                session.execute(update(COUNTERS).values(value=value + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.scalar(select(COUNTERS.c.value)) == 100


def test_a_moment_comes_back_aware_and_in_utc(database: Database) -> None:
    noon = datetime(2026, 11, 22, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    with database.writing() as session:
        session.execute(update(COUNTERS).values(at=noon))
    with database.reading() as session:
        at = session.scalar(select(COUNTERS.c.at))
    assert at == noon
    assert at is not None
    assert at.tzinfo is UTC


def test_a_moment_without_offset_is_refused(database: Database) -> None:
    with database.writing() as session, pytest.raises(StatementError, match="offset"):
        session.execute(update(COUNTERS).values(at=datetime(2026, 11, 22, 13, 0)))  # noqa: DTZ001


def test_sqlite_runs_with_wal_full_sync_and_foreign_keys(database: Database) -> None:
    with database.reading() as session:
        pragmas = [
            session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_other_databases_are_refused() -> None:
    with pytest.raises(ValueError, match="not mysql"):
        create_database_engine("mysql://localhost/x")
