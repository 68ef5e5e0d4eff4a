"""Where ``spoolhouse-agent`` begins, and the page counter's child in the packaged program."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # Imported only where needed: the child has little memory and should start fast.
    if given[:1] == ["count-child"]:
        from edge_agent.counting import child  # noqa: PLC0415

        return child.main(given[1:])
    from edge_agent import command_line  # noqa: PLC0415

    return command_line.main(given)


if __name__ == "__main__":
    sys.exit(main())
