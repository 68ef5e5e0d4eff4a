"""The command ``spoolhouse-agent``: enrol, run, status, doctor."""

# ruff: noqa: T201 - this is what prints

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from edge_agent import doctor, enrolment, logs, typed_code
from edge_agent.agent import build_agent
from edge_agent.enrolment import EnrolmentError, StillWaitingError
from edge_agent.instance import AlreadyRunningError, InstanceLock, running_pid
from edge_agent.settings import Settings, SettingsError, read_settings
from edge_agent.sync import rehearsal
from shared.enrolment_code import CodeError, is_typed

log = logging.getLogger("edge_agent")
_STILL_WAITING = 3
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    asked = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        status: int = asked.run(asked)
    except (SettingsError, EnrolmentError, CodeError, AlreadyRunningError) as error:
        print(f"spoolhouse-agent: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spoolhouse-agent", description="A Spoolhouse gateway: documents wait here, encrypted."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    enrol = commands.add_parser("enrol", help="become a gateway of a primary, by a one-time code")
    enrol.add_argument(
        "--code", help="the code that the primary shows; none: go on waiting for approval"
    )
    enrol.add_argument(
        "--wait",
        type=float,
        metavar="MINUTES",
        default=enrolment.WAIT_SECONDS / 60,
        help="how long to wait for approval (default: %(default)g)",
    )
    enrol.add_argument(
        "--primary", metavar="URL", help="another address of the same primary; of a typed code, its"
    )
    enrol.add_argument(
        "--ca-fingerprint",
        metavar="DIGITS",
        help="of a typed code: the primary's, as its page says",
    )
    enrol.set_defaults(run=_enrol)

    run = commands.add_parser("run", help="run until SIGTERM")
    run.add_argument("--log", choices=("text", "json"), help="overrides agent.toml")
    run.set_defaults(run=_run)

    status = commands.add_parser("status", help="tell how the running gateway is")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)

    examine = commands.add_parser("doctor", help="look for what is wrong, and say the cure")
    examine.add_argument("--json", action="store_true")
    examine.set_defaults(run=_doctor)
    rehearse = commands.add_parser("rehearsal", help="tell of a rehearsal of a cut line, or end it")
    rehearse.add_argument("act", nargs="?", choices=("status", "end"), default="status")
    rehearse.set_defaults(run=_rehearsal)
    for command in (enrol, run, status, examine, rehearse):
        command.add_argument(
            "--state",
            type=Path,
            default=Path(os.environ.get("SPOOLHOUSE_AGENT_STATE", "/var/lib/spoolhouse-agent")),
            metavar="DIR",
            help="the state folder (default: %(default)s)",
        )
    return parser


def _enrol(asked: argparse.Namespace) -> int:
    asked.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with InstanceLock(asked.state):
        try:
            if asked.code and is_typed(asked.code):
                asked.code = typed_code.complete(asked.code, asked.primary, asked.ca_fingerprint)
                asked.primary = None
            settings = asyncio.run(_become_gateway(asked))
        except StillWaitingError as error:
            print(f"spoolhouse-agent: {error}", file=sys.stderr)
            return _STILL_WAITING
        except KeyboardInterrupt:
            print("ended; what was asked is kept: enrol without --code goes on", file=sys.stderr)
            return _INTERRUPTED
    print(f"enrolled as gateway {settings.gateway_id} of {settings.primary_url}")
    print(f"fingerprint of the primary: {enrolment.authority_fingerprint(asked.state)}")
    return 0


async def _become_gateway(asked: argparse.Namespace) -> Settings:
    return await enrolment.enrol(
        asked.state,
        asked.code,
        primary_url=asked.primary,
        say=partial(print, flush=True),
        wait_seconds=asked.wait * 60,
    )


def _run(asked: argparse.Namespace) -> int:
    settings = read_settings(asked.state)
    logs.set_up(asked.log or settings.log_format, settings.log_level)
    with InstanceLock(asked.state):
        return asyncio.run(_run_agent(asked.state, settings))


async def _run_agent(state_dir: Path, settings: Settings) -> int:
    agent = build_agent(state_dir, settings)
    task = asyncio.create_task(agent.run(), name="agent")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    log.info("gateway %s starts", settings.gateway_id)
    try:
        await task
    except asyncio.CancelledError:
        log.info("gateway %s has ended", settings.gateway_id)
        return 0
    except BaseExceptionGroup:
        log.exception("gateway %s failed", settings.gateway_id)
        return 1
    return 0


def _status(asked: argparse.Namespace) -> int:
    settings = read_settings(asked.state)
    pid = running_pid(asked.state)
    report = doctor.ask_health(asked.state, settings) if pid else None
    if asked.json:
        print(json.dumps({"running": pid is not None, "pid": pid, "health": report}, indent=1))
    elif pid is None:
        print(f"gateway {settings.gateway_id} does not run")
    else:
        says = report["says"] if report else "runs; its health page is off"
        print(f"gateway {settings.gateway_id} (pid {pid}): {says}")
    return 0 if pid is not None and (report is None or report["ok"]) else 3


def _rehearsal(asked: argparse.Namespace) -> int:
    found = rehearsal.left_by_folder(asked.state)
    if found is None:
        print("no rehearsal goes on here")
        return 0 if asked.act == "status" else 3
    if asked.act == "end":
        rehearsal.ask_to_end(asked.state)
        print("the rehearsal ends within a second; the line is used again")
        return 0
    left = int(found.get("left_seconds") or 0)
    print(f"a rehearsal goes on since {found.get('began_at')}: the line is not used")
    print(f"it ends by itself in about {left // 60} min {left % 60} s")
    return 0


def _doctor(asked: argparse.Namespace) -> int:
    findings = doctor.examine(asked.state)
    if asked.json:
        print(json.dumps({"items": [asdict(finding) for finding in findings]}, indent=1))
    for finding in [] if asked.json else findings:
        print(f"{'ok ' if finding.ok else 'BAD'} {finding.what}: {finding.says}")
        if finding.cure:
            print(f"    cure: {finding.cure}")
    return 0 if all(finding.ok for finding in findings) else 1
