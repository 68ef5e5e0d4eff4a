"""``spoolhouse simulate``: a fleet of gateways without boxes, against a running primary."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from control_plane import schema
from control_plane.cli.desk import open_database, state_of
from control_plane.cli.telling import CommandError
from control_plane.pki.keys import KeyRing
from control_plane.settings import Settings, parse_listen
from control_plane.simulate import fleet, scenario
from control_plane.simulate.fleet import Target
from control_plane.simulate.identities import EnrolmentError, Office
from control_plane.simulate.scenario import Scenario, ScenarioError
from control_plane.vault import Vault


def run_simulation(arguments: argparse.Namespace) -> int:
    """Run a scenario; 1 where a fact was lost or doubled."""
    try:
        plan = scenario.load(Path(arguments.scenario))
    except ScenarioError as error:
        raise CommandError(f"scenario {error}") from None
    with open_database(arguments) as (settings, database):
        schema.prepare(database)
        office = Office(
            database,
            Vault.open_or_create(settings.keys),
            KeyRing.open_or_create(settings.keys),
            state_of(arguments) / "simulate",
            (arguments.url or settings.url).rstrip("/"),
        )
        try:
            outcome = asyncio.run(fleet.run(plan, _target(arguments, settings, office, plan), _say))
        except EnrolmentError as error:
            raise CommandError(str(error)) from None
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(outcome.table())
    return 0 if outcome.is_well else 1


def _target(
    arguments: argparse.Namespace, settings: Settings, office: Office, plan: Scenario
) -> Target:
    host, port = settings.public_host, settings.broker_port
    if arguments.broker:
        host, port = parse_listen("broker", arguments.broker)
    if not port:
        raise CommandError("the primary's broker has a free port: say --broker HOST:PORT")
    pid = settings.broker / "mosquitto.pid"
    return Target(office, host, port, pid, https=plan.enrolment == "https")


def _say(text: str) -> None:
    """Tell progress: on a terminal the last line is written over."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)
