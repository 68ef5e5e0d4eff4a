"""``spoolhouse``: runs the primary, and does by commands what its pages do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from control_plane.cli.parser import build_parser
from control_plane.cli.performing import perform
from control_plane.cli.telling import tell
from shared.command_help import speaking_as_the_shell


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. What goes wrong is said in one line."""
    with speaking_as_the_shell():
        arguments = build_parser().parse_args(argv)
    return perform(arguments, partial(tell, as_json=arguments.json))


if __name__ == "__main__":
    sys.exit(main())
