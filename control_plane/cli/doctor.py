"""``spoolhouse doctor``: what is wrong, and what helps."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from control_plane.cli.desk import load_settings, state_of
from control_plane.doctor import machine, records
from control_plane.doctor.findings import Finding, ill, well
from shared import i18n
from shared.command_help import shell_language

_ = i18n.gettext

Arguments = argparse.Namespace


def examine(arguments: Arguments) -> int:
    """Look at everything that could keep a primary from working; 1 where something does."""
    # What programs read stays as it is, whoever starts them.
    with i18n.reading_as(None if arguments.json else shell_language()):
        return _examine(arguments)


def _examine(arguments: Arguments) -> int:
    found = look(arguments)
    if arguments.json:
        print(json.dumps({"items": [asdict(finding) for finding in found]}, indent=2))
    else:
        for finding in found:
            _say(finding)
    return 0 if all(finding.ok for finding in found) else 1


def look(arguments: Arguments) -> list[Finding]:
    state = state_of(arguments)
    if not state.is_dir():
        cure = _(
            "name the right one, or begin one: spoolhouse primary --state %(state)s", state=state
        )
        return [ill(_("state directory"), _("%(state)s is not there", state=state), cure)]
    settings = load_settings(arguments)
    found = [well(_("state directory"), str(state)), *machine.examine(settings)]
    return found + list(records.examine(settings))


def _say(finding: Finding) -> None:
    verdict = "ok" if finding.ok else _("NO")
    print(f"{verdict:<3} {finding.what}: {_plain(finding.says)}")
    if not finding.ok:
        print("    " + _("what helps:"), _plain(finding.cure))


def _plain(text: str) -> str:
    # What strangers named must not steer the terminal.
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
