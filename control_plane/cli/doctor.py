"""``spoolhouse doctor``: what is wrong, and what helps."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from control_plane.cli.desk import load_settings, state_of
from control_plane.doctor import machine, records
from control_plane.doctor.findings import Finding, ill, well

Arguments = argparse.Namespace


def examine(arguments: Arguments) -> int:
    """Look at everything that could keep a primary from working; 1 where something does."""
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
        cure = f"name the right one, or begin one: spoolhouse primary --state {state}"
        return [ill("state directory", f"{state} is not there", cure)]
    settings = load_settings(arguments)
    found = [well("state directory", str(state)), *machine.examine(settings)]
    return found + list(records.examine(settings))


def _say(finding: Finding) -> None:
    print(f"{'ok ' if finding.ok else 'NO '} {finding.what}: {_plain(finding.says)}")
    if not finding.ok:
        print(f"    what helps: {_plain(finding.cure)}")


def _plain(text: str) -> str:
    # What strangers named must not steer the terminal.
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
