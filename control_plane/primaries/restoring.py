"""Brings a backup back, as a new beginning: what was said since it was made is void.

A primary from a backup has forgotten what it acknowledged: gateways tell it again, because its
marks are behind. What it says itself would be wrong: its feed counts numbers a second time, and
commands of before would be carried out again. So every stream gets a new epoch (gateways ask for
snapshots), the primary's own epoch is raised (older commands are refused), and codes, links and
sessions that may have been used since are ended.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import delete, inspect, make_url, update
from sqlalchemy.orm import Session

from control_plane import schema
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.commands import service as commands
from control_plane.database import Database, sqlite_url, utc_now
from control_plane.enrolment.models import EnrolmentRequest, GatewayCode
from control_plane.feed import service as feed
from control_plane.pki.keys import write_private
from control_plane.primaries import backup
from control_plane.primaries import service as primaries
from control_plane.primaries.backup import BackupError, Manifest
from control_plane.security.models import WebSession
from control_plane.settings import Settings
from control_plane.tenants import INSTALLATION
from control_plane.terminals.models import TerminalCode
from control_plane.users.models import OneTimeLink

_EPOCHS_BEGIN: Final = datetime(2020, 1, 1, tzinfo=UTC)
# Keys that an installation keeps for ever: a state directory with others is another installation.
_LASTING: Final = ("ca.pem", "data.key")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, and what was put aside for it."""

    made_at: datetime
    primary_epoch: int
    put_aside: Path | None


def restore(settings: Settings, source: Path, by: Actor) -> Restored:
    """Bring a backup into a state directory that nobody uses; the caller holds its lock.

    Raises:
        BackupError: The file is damaged, belongs to another installation or kind of database, or
            a primary runs on the database.
    """
    with tempfile.TemporaryDirectory(dir=settings.state, prefix=".restore-") as place:
        manifest, copy, keys = backup.unpack(source, Path(place))
        url = make_url(settings.database_url)
        if url.get_backend_name() != manifest.kind:
            raise BackupError(
                f"this is a backup of {manifest.kind}, and the database here is"
                f" {url.get_backend_name()}: name another with --database"
            )
        _check_keys(settings.keys, keys)
        if manifest.kind == "sqlite":
            epoch = _begin_anew(sqlite_url(copy), manifest, by)
            _bring_keys(settings.keys, keys)
            aside = _take_its_place(copy, Path(url.database or ""))
        else:
            _refuse_if_used(settings.database_url)
            _bring_keys(settings.keys, keys)
            backup.run_postgresql(
                "pg_restore", url, "--clean", "--if-exists", "--no-owner",
                "--single-transaction", f"--dbname={url.database}", str(copy),
            )  # fmt: skip
            epoch, aside = _begin_anew(settings.database_url, manifest, by), None
    return Restored(manifest.made_at, epoch, aside)


def _check_keys(folder: Path, keys: Mapping[str, bytes]) -> None:
    for name in _LASTING:
        if name not in keys:
            raise BackupError(f"the backup has no {name}")
        present = folder / name
        if present.exists() and present.read_bytes() != keys[name]:
            raise BackupError(
                f"{present} belongs to another installation than this backup: restore into an"
                " empty state directory"
            )


def _bring_keys(folder: Path, keys: Mapping[str, bytes]) -> None:
    """Put keys where there are none; those that are here may be newer than the backup's."""
    for name, content in keys.items():
        if not (folder / name).exists():
            write_private(folder / name, content, replace=False)


def _refuse_if_used(database_url: str) -> None:
    database = Database(database_url, pool=1)
    try:
        if not inspect(database.engine).has_table("primary_processes"):
            return
        with database.reading() as session:
            if primaries.is_any_alive(session):
                raise BackupError("a primary runs on this database: end it first")
    finally:
        database.close()


def _begin_anew(database_url: str, manifest: Manifest, by: Actor) -> int:
    """Make a restored database say nothing that it said before; returns the new epoch."""
    database = Database(database_url, pool=1)
    try:
        schema.migrate(database)
        with database.writing() as session:
            return _void(session, manifest, by)
    finally:
        database.close()


def _void(session: Session, manifest: Manifest, by: Actor) -> int:
    now = utc_now()
    # One backup may be brought back twice: each time it is another epoch.
    epoch = commands.raise_primary_epoch(
        session,
        "restored",
        lost_since=manifest.made_at,
        at_least=int((now - _EPOCHS_BEGIN).total_seconds()),
    )
    feed.renew_epochs(session)
    primaries.forget_all(session)
    session.execute(delete(WebSession))
    for one_time in (GatewayCode, OneTimeLink, TerminalCode):
        session.execute(update(one_time).where(one_time.expires_at > now).values(expires_at=now))
    session.execute(delete(EnrolmentRequest).where(EnrolmentRequest.decided_at.is_(None)))
    audit.record(
        session, INSTALLATION, "installation.restored", by,
        detail={"made_at": manifest.made_at.isoformat(), "primary_epoch": epoch},
    )  # fmt: skip
    return epoch


def _take_its_place(copy: Path, database: Path) -> Path | None:
    """Let the restored file be the database; the one before stays beside it."""
    aside = None
    if database.exists():
        aside = database.with_name(f"{database.name}.before-{utc_now():%Y%m%dT%H%M%S}")
        for ending in ("", "-wal", "-shm"):
            left = database.with_name(database.name + ending)
            if left.exists():
                left.replace(aside.with_name(aside.name + ending))
    beside = database.with_name(f"{database.name}.new")
    shutil.move(copy, beside)
    beside.chmod(0o600)
    descriptor = os.open(beside, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(database)
    backup.sync_folder(database.parent)
    return aside
