"""The words of the command line. Every command takes --state and --json.

What runs is named as ``module.function`` and imported when it does: a command starts in a moment.
"""

from __future__ import annotations

from control_plane.cli.parser import looking, people, printing, running, tenancy, things
from shared.command_help import Parser
from shared.i18n import gettext

_ = gettext


def build_parser() -> Parser:
    """Build it in the language of whoever reads its help."""
    parser = Parser(prog="spoolhouse", description=_("The primary of Spoolhouse."))
    nouns = parser.add_subparsers(metavar=_("COMMAND"), required=True)
    for subject in (running, tenancy, people, printing, things, looking):
        subject.add(nouns)
    return parser
