"""The schema of the database: which revision it has, and how it gets the newest one.

SQLite, and a PostgreSQL in which nothing is yet, are made ready by the primary itself at its start.
A PostgreSQL in use may serve several primaries: it is migrated by ``spoolhouse migrate``, once, by
a person or a deployment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from control_plane.database import Database
from control_plane.models import Base

_FOLDER: Final = Path(__file__).with_name("migrations")
_LOCK: Final = 0x53706F6F6C  # "Spool": two programs do not migrate one database at once


class SchemaError(Exception):
    """The database does not have the revision that this program needs."""


def config(connection: Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    if connection is not None:
        settings.attributes["connection"] = connection
    return settings


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(config()).get_current_head()


def current_revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the database to a revision, all or nothing; returns the ones before and after."""
    before = current_revision(database)
    with _changing(database) as connection:
        command.upgrade(config(connection), revision)
    return before, current_revision(database)


def downgrade(database: Database, revision: str) -> None:
    with _changing(database) as connection:
        command.downgrade(config(connection), revision)


@contextmanager
def _changing(database: Database) -> Iterator[Connection]:
    """A transaction in which tables may be made anew, one process at a time."""
    is_sqlite = database.engine.dialect.name == "sqlite"
    with database.engine.connect() as connection:
        if is_sqlite:
            # A table that is made anew is dropped first: rows that refer to it would go with it.
            _say(connection, "PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if not is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
                yield connection
                if is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first():
                    raise SchemaError("the migration would leave rows that refer to nothing")
        finally:
            if is_sqlite:
                _say(connection, "PRAGMA foreign_keys=ON")


def _say(connection: Connection, pragma: str) -> None:
    """Say it to the driver, outside of every transaction."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(pragma)


def prepare(database: Database) -> None:
    """Make the database ready for this program.

    Raises:
        SchemaError: It is a PostgreSQL of an older program, or newer than this one.
    """
    current, newest = current_revision(database), newest_revision()
    if current == newest:
        return
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if current is not None and current not in known:
        raise SchemaError(f"the database is newer ({current}) than this program ({newest})")
    if database.engine.dialect.name != "sqlite" and current is not None:
        raise SchemaError(f"the database has revision {current}; run: spoolhouse migrate")
    migrate(database)


def differences(connection: Connection) -> list[Any]:
    """What the models have and the database has not, or the other way round."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))
