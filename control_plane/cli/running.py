"""``spoolhouse primary|migrate|doctor``."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text

from control_plane import schema, settings
from control_plane.broker.broker import BrokerError
from control_plane.cli.desk import open_database, state_of
from control_plane.cli.telling import CommandError
from control_plane.primary import Addresses, Primary, StartError, run
from control_plane.settings import Settings

Arguments = argparse.Namespace
_LOW_BYTES = 1024**3


def run_primary(arguments: Arguments) -> int:
    """Run the primary until it is told to end."""
    logging.basicConfig(
        level=arguments.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    given = {
        "listen": arguments.listen,
        "database_url": arguments.database,
        "broker_host": arguments.broker_host,
        "broker_port": arguments.broker_port,
        "public_host": arguments.public_host,
        "names": arguments.name or None,
        "trusted_proxies": arguments.trusted_proxy or None,
    }
    found = settings.load(state_of(arguments), given)
    found.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.save(found)  # So that other commands name the same addresses.
    try:
        return run(found, lambda primary, addresses: _say_ready(found, primary, addresses))
    except (StartError, BrokerError) as error:
        raise CommandError(str(error)) from None


def _say_ready(found: Settings, primary: Primary, addresses: Addresses) -> None:
    print(f"Spoolhouse answers on https://{found.public_host}:{addresses.web_port}", flush=True)
    print(f"Gateways come to port {addresses.broker_port}; state is in {found.state}", flush=True)
    if token := primary.setup_token():
        print(
            "\nNobody is here yet. Within an hour, open\n"
            f"  https://{found.public_host}:{addresses.web_port}/setup/{token}\n"
            "or use the commands: spoolhouse vendor create --help",
            flush=True,
        )


def migrate(arguments: Arguments) -> Any:
    with open_database(arguments) as (_, database):
        before, after = schema.migrate(database)
        return {"before": before, "after": after}


def doctor(arguments: Arguments) -> Any:
    """Look at everything that could keep a primary from working."""
    checks = list(_examine(arguments))
    bad = [check for check in checks if not check["ok"]]
    if bad and not arguments.json:
        raise CommandError("\n".join(f"{c['what']}: {c['says']}" for c in bad))
    return {"items": checks}


def _examine(arguments: Arguments) -> Iterator[dict[str, Any]]:
    state = state_of(arguments)
    yield _check("state directory", state.is_dir(), str(state), f"{state} is not there")
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    yield _check("mosquitto", mosquitto is not None, mosquitto or "", "install it")
    if not state.is_dir():
        return
    free = shutil.disk_usage(state).free
    said = f"{free // 1024**2} MiB free"
    yield _check("disk", free > _LOW_BYTES, said, said)
    yield _check_keys(state / "keys")
    with open_database(arguments) as (_, database):
        current, newest = schema.current_revision(database), schema.newest_revision()
        yield _check(
            "database", current == newest, f"revision {current}",
            f"revision {current}, should be {newest}: run spoolhouse migrate",
        )  # fmt: skip
        if database.engine.dialect.name == "sqlite":
            with database.reading() as session:
                said = str(session.scalar(text("PRAGMA quick_check")))
            yield _check("database file", said == "ok", said, said)


def _check_keys(keys: Path) -> dict[str, Any]:
    loose = [
        path.name
        for path in (keys.iterdir() if keys.is_dir() else ())
        if path.suffix == ".key" and path.stat().st_mode & 0o077
    ]
    return _check("keys", not loose, "mode 0600", f"others can read {', '.join(loose)}")


def _check(what: str, ok: bool, fine: str, otherwise: str) -> dict[str, Any]:  # noqa: FBT001
    return {"what": what, "ok": ok, "says": fine if ok else otherwise}
