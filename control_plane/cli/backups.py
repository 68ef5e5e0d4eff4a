"""``spoolhouse backup|restore``."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path
from typing import Any, Final

from control_plane.audit.actor import Actor
from control_plane.cli.desk import load_settings, open_database
from control_plane.cli.telling import CommandError
from control_plane.primaries import backup, restoring
from control_plane.primary import StartError, hold_state

Arguments = argparse.Namespace
_NEXT: Final = (
    "Start the primary. Gateways tell it again what it has forgotten, by themselves.",
    "Everybody signs in anew; codes and links that were open are void.",
    (
        "Do again what was done since the backup was made, above all: revoke gateways, cards and"
        " keys that were revoked since, and give a new code to gateways that were enrolled since."
    ),
)


def back_up(arguments: Arguments) -> Any:
    """Copy database and keys into one file, while the primary runs or not."""
    target = Path(arguments.file)
    if not target.absolute().parent.is_dir():
        raise CommandError(f"{target.absolute().parent} is not there")
    with open_database(arguments) as (settings, database):
        made = backup.back_up(settings, database, target)
    return {
        "file": str(target),
        "made_at": made.made_at,
        "database": made.kind,
        "revision": made.revision,
        "size_bytes": target.stat().st_size,
    }


def restore(arguments: Arguments) -> Any:
    """Bring a backup back; says what happens next."""
    settings = load_settings(arguments)
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = hold_state(settings.state)
    except StartError as error:
        raise CommandError(f"{error}: end it first") from None
    try:
        by = Actor("cli", name=getpass.getuser(), source="command line")
        done = restoring.restore(settings, Path(arguments.file), by)
    finally:
        os.close(lock)
    return {
        "made_at": done.made_at,
        "primary_epoch": done.primary_epoch,
        "database_before": str(done.put_aside) if done.put_aside else None,
        "next": list(_NEXT),
    }
