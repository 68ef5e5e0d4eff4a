"""The tables of ``jobs.db``, as numbered migrations (``PRAGMA user_version``).

Moments are milliseconds since 1970 in UTC. ``holds`` and ``reasons`` are keywords separated by
spaces. A final job's row stays for a while after its documents are erased.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_agent.jobs import outbox_tables
from edge_agent.jobs.errors import JobStoreError

BUSY_SECONDS: Final = 10.0
_PRIMARY_CODE: Final = 0xFF

FIRST: Final = """
CREATE TABLE jobs (
    number             INTEGER PRIMARY KEY,   -- job-id, from 1
    id                 TEXT NOT NULL,
    account_id         TEXT NOT NULL,
    queue_id           TEXT NOT NULL,
    title              TEXT NOT NULL,
    state              INTEGER NOT NULL,      -- RFC 8011 section 5.3.7
    holds              TEXT NOT NULL,
    message            TEXT NOT NULL,
    reasons            TEXT NOT NULL,
    identity           TEXT NOT NULL,
    owner_id           TEXT,
    claimed_name       TEXT,
    source_protocol    TEXT NOT NULL,
    source_address     TEXT NOT NULL,
    source_host        TEXT,
    document_format    TEXT NOT NULL,
    size_bytes         INTEGER NOT NULL,
    ticket             TEXT NOT NULL,         -- JSON
    ticket_ipp         BLOB NOT NULL,
    language           TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    kept_until         INTEGER NOT NULL,
    revision           INTEGER NOT NULL,
    home_epoch         INTEGER NOT NULL,
    printer_id         TEXT,
    processing_at      INTEGER,
    completed_at       INTEGER,
    impressions        INTEGER,
    impressions_source TEXT,
    impressions_confidence TEXT,
    impressions_completed  INTEGER,
    printer_job_id     INTEGER,
    sending            INTEGER NOT NULL,      -- the durable mark: bytes may have left
    keep_after_printing INTEGER NOT NULL,
    last_document      INTEGER NOT NULL
);
CREATE UNIQUE INDEX jobs_by_id ON jobs (id);
CREATE INDEX jobs_waiting ON jobs (account_id, owner_id) WHERE state < 7;
CREATE INDEX jobs_claimed ON jobs (account_id, claimed_name)
    WHERE state < 7 AND claimed_name IS NOT NULL;
CREATE INDEX jobs_in_queue ON jobs (queue_id, number, state) WHERE state < 7;
CREATE INDEX jobs_on_their_way ON jobs (state) WHERE state IN (3, 5, 6);
CREATE INDEX jobs_incoming ON jobs (created_at) WHERE last_document = 0 AND state < 7;
CREATE INDEX jobs_final ON jobs (completed_at) WHERE state >= 7;
CREATE TABLE documents (
    job_number  INTEGER NOT NULL REFERENCES jobs (number),
    number      INTEGER NOT NULL,             -- from 1
    id          TEXT NOT NULL,
    job_id      TEXT NOT NULL,
    account_id  TEXT NOT NULL,
    format      TEXT NOT NULL,
    name        TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    compression TEXT NOT NULL,
    location    TEXT NOT NULL,
    key_id      TEXT NOT NULL,                -- the recipient at this gateway: the day key
    wrapped_key BLOB NOT NULL,
    kept_until  INTEGER NOT NULL,
    PRIMARY KEY (job_number, number)
) WITHOUT ROWID;
CREATE INDEX documents_by_end ON documents (kept_until);
"""

MIGRATIONS: Final[Sequence[str]] = (FIRST + outbox_tables.SCHEMA, outbox_tables.PLACES)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the database, making or migrating it; every commit is durable when it returns.

    Raises:
        JobStoreError: Made by a newer release, or unreadable.
    """
    try:
        connection = connect(path)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        # What is deleted is overwritten: a wrapped key must not stay in a free page.
        connection.execute("PRAGMA secure_delete = ON").fetchone()
        connection.execute("PRAGMA cache_size = -16000")
        _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        raise JobStoreError(f"{path} cannot be used as job database: {error}") from error
    path.chmod(0o600)
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a connection that sees what is committed and changes nothing."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise JobStoreError(
            f"{path} was written by a newer release (schema {version}, this one knows"
            f" {len(MIGRATIONS)}); install that release again, nothing was changed"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
        )


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk is full."""
    code = getattr(error, "sqlite_errorcode", 0)
    # The shared-memory index of the WAL cannot grow either: reported as an I/O error.
    return code & _PRIMARY_CODE == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE


def is_io_error(error: sqlite3.Error) -> bool:
    """Whether the disk failed in another way than by being full."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & _PRIMARY_CODE == sqlite3.SQLITE_IOERR and not is_full(error)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else writes."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
