from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from control_plane import schema
from control_plane.database import Database, sqlite_url
from control_plane.models import Base
from control_plane.schema import SchemaError
from control_plane.vault import Vault
from tests.support.houses import a_town
from tests.support.postgresql import PostgreSql


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql: PostgreSql
) -> Iterator[Database]:
    url = sqlite_url(tmp_path / "x.db") if request.param == "sqlite" else postgresql.new_database()
    database = Database(url)
    yield database
    database.close()


def test_migrations_make_what_the_models_say(empty: Database) -> None:
    schema.migrate(empty)
    with empty.engine.connect() as connection:
        assert schema.differences(connection) == []


def test_one_can_go_back_and_forth_also_with_data(empty: Database) -> None:
    schema.migrate(empty)
    a_town(empty, Vault(b"k" * 32))
    assert schema.current_revision(empty) == schema.newest_revision()
    schema.downgrade(empty, "base")
    assert set(inspect(empty.engine).get_table_names()) <= {"alembic_version"}
    schema.migrate(empty)
    a_town(empty, Vault(b"k" * 32))


def test_an_empty_database_is_prepared_by_whoever_comes_first(empty: Database) -> None:
    others = [Database(str(empty.engine.url.render_as_string(hide_password=False)))] * 3
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(schema.prepare, [empty, *others]):
            pass
    others[0].close()
    assert schema.current_revision(empty) == schema.newest_revision()


def test_a_sqlite_in_use_is_migrated_by_the_primary_and_postgresql_by_a_person(
    empty: Database,
) -> None:
    schema.migrate(empty, "0001")
    if empty.engine.dialect.name == "sqlite":
        schema.prepare(empty)
        assert schema.current_revision(empty) == schema.newest_revision()
        return
    with pytest.raises(SchemaError, match="spoolhouse migrate"):
        schema.prepare(empty)
    schema.migrate(empty)
    schema.prepare(empty)


def test_a_database_from_the_future_is_left_alone(empty: Database) -> None:
    schema.migrate(empty)
    with empty.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="newer"):
        schema.prepare(empty)


def test_every_table_is_known() -> None:
    assert {"jobs", "feed_rows", "audit_events", "gateway_codes"} <= set(Base.metadata.tables)
