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
from functools import partial
from pathlib import Path
from typing import Any

from edge_agent import doctor, enrolment, logs, typed_code
from edge_agent.agent import build_agent
from edge_agent.enrolment import EnrolmentError, StillWaitingError
from edge_agent.instance import AlreadyRunningError, InstanceLock, running_pid
from edge_agent.settings import Settings, SettingsError, read_settings
from edge_agent.sync import rehearsal
from shared import i18n
from shared.command_help import Parser, shell_language, speaking_as_the_shell
from shared.enrolment_code import CodeError, is_typed

_ = i18n.gettext
log = logging.getLogger("edge_agent")
_STILL_WAITING = 3
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    with speaking_as_the_shell():
        asked = _parser().parse_args(arguments)
    os.umask(0o077)
    # The gateway itself goes on saying to each person what is in their language.
    for_programs = asked.run is _run or getattr(asked, "json", False)
    try:
        with i18n.reading_as(None if for_programs else shell_language()):
            status: int = asked.run(asked)
    except (SettingsError, EnrolmentError, CodeError, AlreadyRunningError) as error:
        print(f"spoolhouse-agent: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> Parser:
    parser = Parser(
        prog="spoolhouse-agent",
        description=_(
            "A Spoolhouse gateway: documents wait here, encrypted, until somebody collects them."
        ),
        epilog=_(
            "First time: spoolhouse-agent enrol --code CODE, with the code that the primary's"
            " pages show; then spoolhouse-agent run. Something is wrong: spoolhouse-agent doctor."
        ),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    enrol = _add_enrol(commands)
    run = commands.add_parser("run", help=_("run the gateway, until SIGTERM or Ctrl-C"))
    run.add_argument(
        "--log",
        choices=("text", "json"),
        help=_("how the log is written, whatever agent.toml says"),
    )
    run.set_defaults(run=_run)

    status = commands.add_parser("status", help=_("tell how the running gateway is"))
    status.add_argument("--json", action="store_true", help=_("answer as JSON"))
    status.set_defaults(run=_status)

    examine = commands.add_parser("doctor", help=_("look for what is wrong, and say what helps"))
    examine.add_argument("--json", action="store_true", help=_("answer as JSON"))
    examine.set_defaults(run=_doctor)
    rehearse = commands.add_parser(
        "rehearsal", help=_("tell whether a rehearsal of a cut line goes on here, or end it")
    )
    rehearse.add_argument("act", nargs="?", choices=("status", "end"), default="status")
    rehearse.set_defaults(run=_rehearsal)
    for command in (enrol, run, status, examine, rehearse):
        command.add_argument(
            "--state",
            type=Path,
            default=Path(os.environ.get("SPOOLHOUSE_AGENT_STATE", "/var/lib/spoolhouse-agent")),
            metavar="DIR",
            help=_("the state folder (default: %(default)s)"),
        )
    return parser


def _add_enrol(commands: Any) -> Parser:
    enrol: Parser = commands.add_parser(
        "enrol", help=_("become a gateway of a primary, by a one-time code")
    )
    enrol.add_argument(
        "--code",
        help=_("the code that the primary shows; without it, go on waiting for approval"),
    )
    enrol.add_argument(
        "--wait",
        type=float,
        metavar="MINUTES",
        default=enrolment.WAIT_SECONDS / 60,
        help=_("how long to wait for approval (default: %(default)g)"),
    )
    enrol.add_argument(
        "--primary",
        metavar="URL",
        help=_("reach the primary at this address; needed with a code that was typed by hand"),
    )
    enrol.add_argument(
        "--ca-fingerprint",
        metavar="DIGITS",
        help=_(
            "the primary's fingerprint from its page, where nobody can answer whether it is right"
        ),
    )
    enrol.set_defaults(run=_enrol)
    return enrol


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
            said = _("ended; what was asked is kept: enrol without --code goes on")
            print(said, file=sys.stderr)
            return _INTERRUPTED
    digits = enrolment.authority_fingerprint(asked.state)
    ours = {"gateway": settings.gateway_id, "primary": settings.primary_url}
    print(_("enrolled as gateway %(gateway)s of %(primary)s", **ours))
    print(_("fingerprint of the primary: %(digits)s", digits=digits))
    print(_("next: spoolhouse-agent run"))
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
        print(_("gateway %(gateway)s does not run", gateway=settings.gateway_id))
    else:
        told = str(report["says"]) if report else ""
        says = _(told) if told else _("runs; its health page is off")
        print(_("gateway %(gateway)s (pid %(pid)s): %(says)s",
                gateway=settings.gateway_id, pid=pid, says=says))  # fmt: skip
    return 0 if pid is not None and (report is None or report["ok"]) else 3


def _rehearsal(asked: argparse.Namespace) -> int:
    found = rehearsal.left_by_folder(asked.state)
    if found is None:
        print(_("no rehearsal goes on here"))
        return 0 if asked.act == "status" else 3
    if asked.act == "end":
        rehearsal.ask_to_end(asked.state)
        print(_("the rehearsal ends within a second; the line is used again"))
        return 0
    left = int(found.get("left_seconds") or 0)
    began_at = found.get("began_at")
    print(_("a rehearsal goes on since %(began_at)s: the line is not used", began_at=began_at))
    minutes, seconds = divmod(left, 60)
    print(_("it ends by itself in about %(minutes)s min %(seconds)s s",
            minutes=minutes, seconds=seconds))  # fmt: skip
    return 0


def _doctor(asked: argparse.Namespace) -> int:
    findings = doctor.examine(asked.state)
    if asked.json:
        print(json.dumps({"items": [finding.plain() for finding in findings]}, indent=1))
    for finding in [] if asked.json else findings:
        verdict = _("ok ") if finding.ok else _("BAD")
        print(f"{verdict} {finding.what}: {finding.says}")
        if finding.cure:
            print("    " + _("what helps: %(cure)s", cure=finding.cure))
    return 0 if all(finding.ok for finding in findings) else 1
