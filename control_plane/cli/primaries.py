"""``spoolhouse broker``: what runs beside primaries."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys

from control_plane import schema, settings
from control_plane.broker.alone import BrokerAlone
from control_plane.broker.broker import BrokerError, BrokerSettings
from control_plane.cli.desk import state_of
from control_plane.cli.telling import CommandError
from control_plane.database import Database
from control_plane.primary import StartError, hold_state
from control_plane.settings import Settings

Arguments = argparse.Namespace


def run_broker(arguments: Arguments) -> int:
    """Run a broker on its own until it is told to end."""
    start_log(arguments.log_level)
    given = {
        "database_url": arguments.database,
        "broker_host": arguments.broker_host,
        "broker_port": arguments.broker_port,
        "public_host": arguments.public_host,
        "names": arguments.name or None,
    }
    found = settings.load(state_of(arguments), given)
    found.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.save(found)
    try:
        lock = hold_state(found.state)
    except StartError as error:
        raise CommandError(str(error)) from None
    try:
        return _run_broker(found)
    except BrokerError as error:
        raise CommandError(str(error)) from None
    finally:
        os.close(lock)


def start_log(level: str) -> None:
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def _run_broker(found: Settings) -> int:
    database = Database(found.database_url, pool=found.database_pool)
    schema.prepare(database)
    names = tuple(dict.fromkeys([found.public_host, found.broker_host, *found.names]))
    wanted = BrokerSettings(found.broker, found.broker_host, found.broker_port, names)
    alone = BrokerAlone(wanted, database, found.keys)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: alone.ask_to_stop())
    try:
        port = alone.start()
        print(f"Gateways and primaries come to port {port} of this broker", flush=True)
        return 0 if alone.wait() else 1
    finally:
        alone.stop()
        database.close()
