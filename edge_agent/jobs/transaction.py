"""What a piece of work may do inside the store's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from edge_agent.jobs import outbox, rows
from edge_agent.jobs.errors import IllegalTransitionError, JobNotFoundError
from edge_agent.jobs.model import Document, Job
from edge_agent.spool.spool import Stored
from shared.ids import JobId
from shared.job_states import JobEvent
from shared.messages.events import Fact

_COLUMNS: Final = rows.JOB_COLUMNS.count(",") + 1
_INSERT_JOB: Final = f"INSERT INTO jobs ({rows.JOB_COLUMNS}) VALUES ({', '.join('?' * _COLUMNS)})"  # noqa: S608
_INSERT_DOCUMENT: Final = (
    f"INSERT INTO documents (job_number, kept_until, {rows.DOCUMENT_COLUMNS})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_JOB_BY_ID: Final = f"SELECT {rows.JOB_COLUMNS} FROM jobs WHERE id = ?"  # noqa: S608
_JOB_BY_NUMBER: Final = f"SELECT {rows.JOB_COLUMNS} FROM jobs WHERE number = ?"  # noqa: S608


class Transaction:
    """One transaction of the committing thread, shared by the works of a batch."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.callbacks: list[Callable[[], None]] = []
        self.facts = 0
        self._drafts: list[outbox.Draft] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call on the event loop once this is durable, whether or not anybody still waits."""
        self.callbacks.append(callback)

    def enqueue(self, fact: Fact) -> None:
        """Tell the primary, exactly if this commits."""
        self._drafts.append(outbox.draft(fact))

    def write_facts(self) -> None:
        """Bring into the outbox what was queued so far: together, before the commit."""
        if self._drafts:
            outbox.append_drafts(self.connection, self._drafts)
            self.facts += len(self._drafts)
            self._drafts = []

    def run_work(self, work: Callable[[Transaction], Any]) -> Any:
        """Run one work of the batch; what it did is undone, and nothing else, when it raises."""
        self.connection.execute("SAVEPOINT work")
        before = self._drafts[:]
        try:
            result = work(self)
        except sqlite3.OperationalError:
            raise  # the disk's or the database's trouble concerns the whole batch
        except Exception:
            self.connection.execute("ROLLBACK TO work")
            self._drafts = before
            self.connection.execute("RELEASE work")
            raise
        self.connection.execute("RELEASE work")
        return result

    def find_job(self, which: JobId | int) -> Job | None:
        return find_job(self.connection, which)

    def get_job(self, which: JobId | int) -> Job:
        """Get a job.

        Raises:
            JobNotFoundError: No such job.
        """
        job = self.find_job(which)
        if job is None:
            raise JobNotFoundError(which)
        return job

    def insert_job(self, job: Job) -> None:
        self.connection.execute(_INSERT_JOB, rows.job_row(job))

    def update_job(self, seen: Job, event: JobEvent | str, **changes: Any) -> Job:
        """Change a job that still is as it was seen; raises its revision by one.

        Raises:
            IllegalTransitionError: It is no longer as it was seen.
        """
        changed = replace(seen, revision=seen.revision + 1, **changes)
        columns = rows.to_columns({**changes, "revision": changed.revision})
        # Only one of two who saw the same job can win: this is what keeps paper from coming twice.
        updated = self.connection.execute(
            f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in columns)}"  # noqa: S608
            " WHERE number = ? AND state = ? AND revision = ?",
            (*columns.values(), seen.number, int(seen.state), seen.revision),
        )
        if updated.rowcount != 1:
            now = self.get_job(seen.number)
            known = event if isinstance(event, JobEvent) else JobEvent.HELD
            raise IllegalTransitionError(now.state, known)
        return changed

    def insert_document(self, job: Job, document: Document) -> None:
        recipient = document.recipients[0]
        self.connection.execute(
            _INSERT_DOCUMENT,
            (
                job.number,
                rows.to_milliseconds(job.kept_until),
                document.id,
                document.job_id,
                document.number,
                document.format,
                document.name,
                document.size_bytes,
                document.sha256,
                document.compression,
                document.location,
                document.account_id,
                recipient.key_id,
                recipient.wrapped_key,
            ),
        )

    def delete_documents(self, job: Job) -> list[Stored]:
        """Delete a job's documents; erase what is returned once this is durable."""
        gone = self.connection.execute(
            "DELETE FROM documents WHERE job_number = ? RETURNING location, key_id", (job.number,)
        ).fetchall()
        return [Stored(*row) for row in gone]

    def list_documents(self, job: Job) -> list[Document]:
        return list_documents(self.connection, job.number)

    def newest_home_epoch(self) -> int:
        """The highest home epoch of any job here; 1 where there is none."""
        row = self.connection.execute("SELECT coalesce(max(home_epoch), 1) FROM jobs").fetchone()
        return int(row[0])


def find_job(connection: sqlite3.Connection, which: JobId | int) -> Job | None:
    sql = _JOB_BY_NUMBER if isinstance(which, int) else _JOB_BY_ID
    row = connection.execute(sql, (which,)).fetchone()
    return None if row is None else rows.job_of(row)


def list_documents(connection: sqlite3.Connection, job_number: int) -> list[Document]:
    found = connection.execute(
        f"SELECT {rows.DOCUMENT_COLUMNS} FROM documents"  # noqa: S608
        " WHERE job_number = ? ORDER BY number",
        (job_number,),
    )
    return [rows.document_of(row) for row in found]


def select_jobs(
    connection: sqlite3.Connection, where: str, values: Sequence[Any] = ()
) -> list[Job]:
    """List jobs; ``where`` is ours, values are bound."""
    sql = f"SELECT {rows.JOB_COLUMNS} FROM jobs WHERE {where}"  # noqa: S608
    return [rows.job_of(row) for row in connection.execute(sql, values)]
