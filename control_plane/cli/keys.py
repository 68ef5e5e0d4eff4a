"""``spoolhouse signing-key announce|use``: another key to sign with, which gateways know before."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from control_plane.cli.desk import at_desk
from control_plane.cli.telling import CommandError
from control_plane.ingest import hello
from control_plane.pki import keys
from shared.crypto.signing import key_id

Arguments = argparse.Namespace


def announce(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        public_key = keys.announce_signing_key(desk.settings.keys)
    return {
        "key_id": key_id(public_key).hex(),
        "next": "restart every primary; copy the folder keys to other primaries before",
    }


def use(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        path = desk.settings.keys / keys.SIGNING_NEXT
        if not path.exists():
            raise CommandError("no key was announced; first: spoolhouse signing-key announce")
        since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        missing = hello.not_heard_since(desk.session, since)
        if missing and not arguments.anyway:
            names = ", ".join(missing[:10])
            raise CommandError(
                f"{len(missing)} gateways have not spoken to us since it was announced, and would"
                f" believe nothing any more: {names}; --anyway leaves them behind"
            )
        public_key = keys.use_announced_key(desk.settings.keys)
    return {"key_id": key_id(public_key).hex(), "next": "restart every primary"}
