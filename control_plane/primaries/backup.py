"""A copy of an installation in one file: its database and its keys, taken while it runs.

The file is a tar of mode 0600: ``manifest.json``, ``database`` (an SQLite file, or what pg_dump
calls custom format) and ``keys/``. Who has it has everything, as who has the state directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, make_url

from control_plane import schema
from control_plane.database import Database, utc_now
from control_plane.errors import SpoolhouseError
from control_plane.settings import Settings
from shared.clock import from_wire, to_wire

VERSION: Final = 1
DATABASE: Final = "database"
_MANIFEST: Final = "manifest.json"
_KEYS: Final = "keys/"
_MOST_KEY_BYTES: Final = 64 * 1024
_DUMP_SECONDS: Final = 6 * 3600


class BackupError(SpoolhouseError):
    """It was not copied, or cannot be brought back; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    made_at: datetime
    kind: str  # sqlite | postgresql
    revision: str
    sha256: str  # of the database's copy


def back_up(settings: Settings, database: Database, target: Path) -> Manifest:
    """Copy the installation into a file that appears whole or not at all.

    Raises:
        BackupError: The database has no schema yet, or pg_dump is missing or failed.
    """
    revision = schema.current_revision(database)
    if revision is None:
        raise BackupError("there is nothing to copy: no primary has run on this database")
    made_at, url = utc_now(), make_url(settings.database_url)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".backup-") as folder:
        copy = Path(folder) / DATABASE
        kind = url.get_backend_name()
        if kind == "sqlite":
            _copy_sqlite(Path(url.database or ""), copy)
        else:
            _dump_postgresql(url, copy)
        manifest = Manifest(made_at, kind, revision, _digest(copy))
        whole = Path(folder) / "whole"
        _write(whole, manifest, copy, settings.keys)
        whole.replace(target)
    sync_folder(target.absolute().parent)
    return manifest


def unpack(source: Path, folder: Path) -> tuple[Manifest, Path, Mapping[str, bytes]]:
    """Unpack a backup into a folder: what it says, its database, and its keys by name.

    Raises:
        BackupError: It is no backup, or is damaged.
    """
    copy = folder / DATABASE
    try:
        with tarfile.open(source) as tar:
            manifest, keys = _read_manifest(tar), _read_keys(tar)
            with copy.open("wb") as file:
                shutil.copyfileobj(_member(tar, DATABASE), file)
                file.flush()
                os.fsync(file.fileno())
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        raise BackupError(f"{source} cannot be read as a backup: {error}") from None
    if _digest(copy) != manifest.sha256:
        raise BackupError(f"{source} is damaged: its database is not what was written")
    return manifest, copy, keys


def postgresql_environment(url: URL) -> dict[str, str]:
    """What pg_dump and pg_restore need to know; a password is never in their arguments."""
    asked = url.query
    host = asked.get("host") or url.host
    values = {
        "PGHOST": host,
        "PGPORT": str(url.port) if url.port else asked.get("port"),
        "PGUSER": url.username or asked.get("user"),
        "PGPASSWORD": str(url.password) if url.password else None,
        "PGDATABASE": url.database,
        "PGSSLMODE": asked.get("sslmode"),
        "PGSSLROOTCERT": asked.get("sslrootcert"),
    }
    return {**os.environ, **{name: str(value) for name, value in values.items() if value}}


def run_postgresql(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs on a database.

    Raises:
        BackupError: It is not installed, or failed.
    """
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"{program} is missing: install the package postgresql-client, or copy the database by"
            " its own means and the folder keys of the state directory beside it"
        )
    try:
        done = subprocess.run(
            [found, *arguments],
            env=postgresql_environment(url),
            capture_output=True,
            text=True,
            check=False,
            timeout=_DUMP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise BackupError(f"{program} did not end in {_DUMP_SECONDS // 3600} hours") from None
    if done.returncode != 0:
        raise BackupError(f"{program}: {done.stderr.strip()[-500:]}")


def _copy_sqlite(source: Path, copy: Path) -> None:
    """Copy by SQLite's own means: one moment, whatever is written meanwhile."""
    with (
        contextlib.closing(sqlite3.connect(source, timeout=10)) as live,
        contextlib.closing(sqlite3.connect(copy)) as beside,
    ):
        live.backup(beside)
        beside.execute("PRAGMA journal_mode=DELETE")
        [said] = beside.execute("PRAGMA quick_check").fetchone()
    if said != "ok":
        raise BackupError(f"the copy of the database is damaged: {said}")


def _dump_postgresql(url: URL, copy: Path) -> None:
    run_postgresql("pg_dump", url, "--format=custom", "--no-owner", f"--file={copy}")


def _write(path: Path, manifest: Manifest, copy: Path, keys: Path) -> None:
    said = {
        "v": VERSION,
        "made_at": to_wire(manifest.made_at),
        "kind": manifest.kind,
        "revision": manifest.revision,
        "sha256": manifest.sha256,
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            _add(tar, _MANIFEST, json.dumps(said, indent=1).encode())
            # After the database: it speaks of no key that is not here.
            for key in sorted(path for path in keys.iterdir() if path.is_file()):
                if ".new" not in key.name:
                    _add(tar, f"{_KEYS}{key.name}", key.read_bytes())
            tar.add(copy, DATABASE)
        file.flush()
        os.fsync(file.fileno())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))


def _read_manifest(tar: tarfile.TarFile) -> Manifest:
    said = json.load(_member(tar, _MANIFEST))
    if said["v"] != VERSION:
        raise BackupError("this backup was written by another version of the program")
    return Manifest(from_wire(said["made_at"]), said["kind"], said["revision"], said["sha256"])


def _read_keys(tar: tarfile.TarFile) -> dict[str, bytes]:
    names = [entry.name for entry in tar.getmembers() if entry.name.startswith(_KEYS)]
    return {
        Path(name).name: _member(tar, name).read(_MOST_KEY_BYTES)
        for name in names
        if Path(name).name
    }


def _member(tar: tarfile.TarFile, name: str) -> Any:
    found = tar.extractfile(name)
    if found is None:
        raise BackupError(f"{name} in the backup is no file")
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
