"""``spoolhouse signing-key announce|use`` and ``broker-certificate``: keys of the installation."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from control_plane.cli.desk import at_desk
from control_plane.cli.telling import CommandError
from control_plane.database import utc_now
from control_plane.ingest import hello
from control_plane.pki import certificates, keys
from shared.crypto.signing import key_id

Arguments = argparse.Namespace


def broker_certificate(arguments: Arguments) -> Any:
    """Gateways believe a broker whose certificate is of our authority, and no other."""
    with at_desk(arguments) as desk:
        issuer = keys.open_authority(desk.settings.keys)
    folder = Path(arguments.out)
    files = certificates.for_listener(issuer, folder, "broker", arguments.names, utc_now())
    keys.write_private(folder / "ca.pem", issuer.pem)
    return {"authority": str(folder / "ca.pem"), "certificate": str(files.certificate),
            "key": str(files.key)}  # fmt: skip


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
