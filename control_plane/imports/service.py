"""A file of people, brought by a page: checked, shown, then imported, in a thread of its own.

The request that brings it ends at once; the page asks how far it is. The file waits in the
database, sealed (it may hold passwords), and goes when it was used or after an hour. A vendor or
account has one at a time. Whoever works on it says so with every batch: what was not heard of for
a minute was interrupted, and may be imported again, since people who are there already stay.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.audit import service as audit
from control_plane.database import Database, utc_now
from control_plane.errors import ConflictError, NotFoundError, TooManyError
from control_plane.imports import repository
from control_plane.imports.models import PeopleImport
from control_plane.tenants import Tenant
from control_plane.users import csv_file, importing
from control_plane.users.importing import Import, Line
from control_plane.vault import Vault
from shared.ids import UserId, new_id

log = logging.getLogger(__name__)

CHECKING: Final = "checking"
CHECKED: Final = "checked"
IMPORTING: Final = "importing"
DONE: Final = "done"
FAILED: Final = "failed"
MOST_PROBLEMS: Final = 500
_AT_ONCE: Final = 2  # files in this process; each is a thread
_SILENCE: Final = timedelta(minutes=1)
_KEPT: Final = timedelta(hours=1)
_WAIT_SECONDS: Final = 30

newest = repository.newest


class _GoneError(Exception):
    """The import was thrown away, or somebody else took it up."""


@dataclass(frozen=True, slots=True)
class Desk:
    """How many files this process works on at the same moment."""

    room: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE)
    )


def bring(desk: Desk, order: Import, data: bytes, *, file_name: str) -> PeopleImport:
    """Take a file and begin to check it; it is checked when its state says so.

    Raises:
        InvalidError: The file as a whole cannot be used; the text names the line.
        ConflictError: Another file of this tenant is being worked on.
        TooManyError: Too many others import just now.
    """
    text = csv_file.decode(data)
    rows = csv_file.read(text)
    import_id, now = new_id(), utc_now()
    with order.database.writing() as session:
        before = repository.newest(session, order.tenant)
        if before is not None and is_running(before):
            raise ConflictError("a file is being worked on; wait until it is done", "file")
        repository.delete_all(session, order.tenant)
        brought = PeopleImport(
            id=import_id,
            tenant=str(order.tenant),
            user_id=UserId(order.by.id) if order.by.kind == "user" and order.by.id else None,
            file_name=file_name,
            created_at=now,
            heard_at=now,
            state=CHECKING,
            lines=len(rows),
            lines_done=0,
            counts={},
            problems={},
            sealed_text=order.vault.seal(text.encode(), _context(order.tenant, import_id)),
        )
        session.add(brought)
    _work(desk, replace(order, dry_run=True), import_id, CHECKING, CHECKED)
    return brought


def start(desk: Desk, order: Import, import_id: str) -> PeopleImport:
    """Import a checked file for real.

    Raises:
        ConflictError: It is not checked yet, or was imported already.
        TooManyError: Too many others import just now.
    """
    with order.database.writing() as session:
        found = get_import(session, order.tenant, import_id)
        if not repository.change(
            session, order.tenant, import_id, while_state=CHECKED,
            state=IMPORTING, heard_at=utc_now(), lines_done=0,
        ):  # fmt: skip
            raise ConflictError("this file is not waiting to be imported")
        session.refresh(found)
    _work(desk, replace(order, dry_run=False), import_id, IMPORTING, DONE)
    return found


def discard(session: Session, tenant: Tenant, import_id: str) -> None:
    """Throw a file away.

    Raises:
        ConflictError: It is being worked on.
    """
    found = get_import(session, tenant, import_id)
    if is_running(found):
        raise ConflictError("a file is being worked on; wait until it is done")
    session.delete(found)


def get_import(session: Session, tenant: Tenant, import_id: str) -> PeopleImport:
    found = repository.find_import(session, tenant, import_id)
    if found is None:
        raise NotFoundError("import", import_id)
    return found


def is_running(found: PeopleImport) -> bool:
    return found.state in (CHECKING, IMPORTING) and utc_now() - found.heard_at < _SILENCE


def is_interrupted(found: PeopleImport) -> bool:
    return found.state in (CHECKING, IMPORTING) and not is_running(found)


def forget_old(session: Session) -> None:
    """Erase files that nobody came back to."""
    repository.forget_before(session, utc_now() - _KEPT)


def _work(desk: Desk, order: Import, import_id: str, state: str, then: str) -> None:
    if not desk.room.acquire(blocking=False):
        with order.database.writing() as session:
            back = CHECKED if state == IMPORTING else FAILED
            repository.change(session, order.tenant, import_id, while_state=state, state=back)
        raise TooManyError(_WAIT_SECONDS)
    thread = threading.Thread(
        target=_guarded, args=(desk, order, import_id, state, then), name="import", daemon=True
    )
    thread.start()


def _guarded(desk: Desk, order: Import, import_id: str, state: str, then: str) -> None:
    try:
        _run(order, import_id, state, then)
    except _GoneError:
        log.info("import %s was thrown away", import_id)
    except Exception:
        log.exception("import %s", import_id)
        with order.database.writing() as session:
            repository.change(
                session, order.tenant, import_id, while_state=state,
                state=FAILED, sealed_text=None,
            )  # fmt: skip
    finally:
        desk.room.release()


def _run(order: Import, import_id: str, state: str, then: str) -> None:
    text = _open_text(order.database, order.vault, order.tenant, import_id)

    def heard(done: int, _of: int) -> None:
        with order.database.writing() as session:
            if not repository.change(
                session, order.tenant, import_id, while_state=state,
                heard_at=utc_now(), lines_done=done,
            ):  # fmt: skip
                raise _GoneError

    lines = importing.run(order, text, heard)
    counts = dict(Counter(line.outcome for line in lines))
    values: dict[str, Any] = {"state": then, "counts": counts, "problems": _problems(lines)}
    if then == DONE:
        values["sealed_text"] = None
    with order.database.writing() as session:
        if not repository.change(session, order.tenant, import_id, while_state=state, **values):
            raise _GoneError
        if then == DONE:
            audit.record(
                session, order.tenant, "user.imported", order.by, subject_kind="import",
                subject_id=import_id, detail=counts,
            )  # fmt: skip


def _open_text(database: Database, vault: Vault, tenant: Tenant, import_id: str) -> str:
    with database.reading() as session:
        found = repository.find_import(session, tenant, import_id)
    if found is None or found.sealed_text is None:
        raise _GoneError
    return vault.open(found.sealed_text, _context(tenant, import_id)).decode()


def _problems(lines: Sequence[Line]) -> dict[str, Any]:
    refused = [line for line in lines if line.problem is not None]
    return {
        "items": [
            {
                "number": line.number,
                "username": line.username[:200],
                "column": line.column,
                "text": line.problem.text,
                "values": {name: str(value) for name, value in line.problem.values.items()},
            }
            for line in refused[:MOST_PROBLEMS]
            if line.problem is not None
        ]
    }


def _context(tenant: Tenant, import_id: str) -> str:
    return f"people-import/{tenant}/{import_id}"
