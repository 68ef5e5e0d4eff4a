"""The primary's database: engine, sessions, the base of all tables and their column types.

Two kinds of transaction. ``Database.writing()`` takes the write lock at once (``BEGIN IMMEDIATE``:
deferred transactions of several writers fail when they upgrade), commits at its end, and must
never wait on the network. ``Database.reading()`` cannot change anything: the database refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    String,
    Text,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    declared_attr,
    mapped_column,
    sessionmaker,
)

from shared import ids

BUSY_TIMEOUT_SECONDS: Final = 10
DEFAULT_POOL: Final = 16
# A primary that stands still inside a transaction keeps others waiting no longer than this.
IDLE_TRANSACTION_SECONDS: Final = 30
_POSTGRESQL_OPTIONS: Final[Mapping[str, Any]] = {
    "connect_timeout": BUSY_TIMEOUT_SECONDS,
    "application_name": "spoolhouse",
    # A server that is gone without a word is noticed within half a minute.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Named constraints: Alembic can only drop what has a name.
NAMING: Final[Mapping[str, str]] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC; a naive one is a mistake and refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its offset: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def clean_text(text: str) -> str:
    """What every database can keep: PostgreSQL has no NUL, and nobody has half a character."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


class CleanText(TypeDecorator[str]):
    """Text from people and devices, made keepable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else clean_text(value)


Id: Final = String(36)  # a UUID as text, see shared.ids
Json: Final = JSON()  # Not JSONB, which refuses an escaped NUL; nothing looks inside by SQL.

_ID_TYPES: Final = (
    ids.VendorId,
    ids.AccountId,
    ids.UserId,
    ids.CardId,
    ids.GatewayId,
    ids.SiteId,
    ids.PrinterId,
    ids.QueueId,
    ids.JobId,
    ids.DocumentId,
    ids.ReaderId,
    ids.TerminalId,
    ids.CommandId,
    ids.PrintTokenId,
)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables of the primary."""

    metadata = MetaData(naming_convention=dict(NAMING))
    type_annotation_map: ClassVar[Any] = {
        datetime: Moment(),
        str: CleanText(),
        dict[str, Any]: Json,
        list[str]: Json,
        **dict.fromkeys(_ID_TYPES, Id),
    }


class Versioned:
    """A row that people change: ``version`` is its ETag, and of two writers one is told."""

    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


class Database:
    """The engine and the two kinds of session; one per process."""

    def __init__(self, url: str, *, pool: int = DEFAULT_POOL) -> None:
        self.engine = create_database_engine(url, pool=pool)
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        read_only = self.engine.execution_options(spoolhouse_read_only=True)
        self._reading = sessionmaker(read_only, expire_on_commit=False, autoflush=False)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, or rolls back when it raises."""
        with self._writing.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view; changes are refused by the database itself."""
        with self._reading() as session:
            yield session

    def keep(self, name: str, thing: object) -> None:
        """Let every transaction from now on have something with it, as ``session.info[name]``."""
        for sessions in (self._writing, self._reading):
            sessions.configure(info={**sessions.kw.get("info", {}), name: thing})

    def close(self) -> None:
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def create_database_engine(url: str, *, pool: int = DEFAULT_POOL) -> Engine:
    """Make the engine for SQLite (WAL, ``synchronous=FULL``) or PostgreSQL (psycopg 3).

    ``pool`` connections are kept; three times as many more may come for a moment.

    Raises:
        ValueError: The address names another kind of database.
    """
    kind = make_url(url).get_backend_name()
    if kind == "sqlite":
        return _sqlite_engine(url, pool)
    if kind == "postgresql":
        return _postgresql_engine(url, pool)
    raise ValueError(f"the database must be SQLite or PostgreSQL, not {kind}")


def _sqlite_engine(url: str, pool: int) -> Engine:
    # isolation_level=None: the driver starts no transactions of its own; we say BEGIN ourselves.
    engine = create_engine(
        url,
        connect_args={
            "timeout": BUSY_TIMEOUT_SECONDS,
            "isolation_level": None,
            "check_same_thread": False,
        },
        pool_size=pool,
        max_overflow=3 * pool,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("spoolhouse_read_only", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")


def _postgresql_engine(url: str, pool: int) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        address,
        pool_pre_ping=True,
        pool_size=pool,
        max_overflow=3 * pool,
        connect_args=dict(_POSTGRESQL_OPTIONS),
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _begin_postgresql(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("spoolhouse_read_only", False)
    # One question for all of it, since each waits for the network.
    connection.exec_driver_sql(
        "SELECT set_config('transaction_read_only', %s, true),"
        " set_config('lock_timeout', %s, true),"
        " set_config('idle_in_transaction_session_timeout', %s, true)",
        (
            "on" if read_only else "off",
            f"{BUSY_TIMEOUT_SECONDS}s",
            f"{IDLE_TRANSACTION_SECONDS}s",
        ),
    )
