"""``spoolhouse primary|migrate``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import schema, settings
from control_plane.broker.broker import BrokerError
from control_plane.cli.desk import open_database, state_of
from control_plane.cli.primaries import start_log
from control_plane.cli.telling import CommandError
from control_plane.primary import Addresses, Primary, StartError, run
from control_plane.settings import Settings

Arguments = argparse.Namespace


def run_primary(arguments: Arguments) -> int:
    """Run the primary until it is told to end."""
    start_log(arguments.log_level)
    given = {
        "listen": arguments.listen,
        "database_url": arguments.database,
        "broker_host": arguments.broker_host,
        "broker_port": arguments.broker_port,
        "database_pool": arguments.database_pool,
        "broker_address": arguments.broker_address,
        "broker_ca": arguments.broker_ca,
        "broker_roles": arguments.broker_roles,
        "broker_name": arguments.broker_name,
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
