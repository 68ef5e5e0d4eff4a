"""``spoolhouse``: runs the primary, and does by commands what its pages do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError, OperationalError

from control_plane.cli.parser import build_parser
from control_plane.cli.telling import CommandError, tell
from control_plane.errors import SpoolhouseError
from control_plane.schema import SchemaError
from control_plane.settings import SettingsError

_EXPECTED: Final = (
    SpoolhouseError,
    CommandError,
    IntegrityError,
    OperationalError,
    SchemaError,
    SettingsError,
    PermissionError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. What goes wrong is said in one line."""
    arguments = build_parser().parse_args(argv)
    try:
        module, name = arguments.run.split(".")
        answer = getattr(import_module(f"control_plane.cli.{module}"), name)(arguments)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = "--" + "-".join(str(part) for part in item["loc"]).replace("_", "-")
            _complain(f"{name}: {item['msg'].removeprefix('Value error, ')}")
        return 2
    except _EXPECTED as error:
        _complain(_sentence(error))
        return 1
    if isinstance(answer, int):
        return answer
    tell(answer, as_json=arguments.json)
    return 0


def _sentence(error: Exception) -> str:
    if isinstance(error, IntegrityError):
        return "it contradicts what is there, or something still uses it"
    if isinstance(error, OperationalError):
        return f"the database does not answer: {error.orig}"
    field = getattr(error, "field", None)
    return f"--{field.replace('_', '-')}: {error}" if field else str(error)


def _complain(text: str) -> None:
    print(f"spoolhouse: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
