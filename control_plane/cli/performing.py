"""Runs one parsed command; what goes wrong is said in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError, OperationalError

from control_plane.cli.telling import CommandError
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


def perform(arguments: argparse.Namespace, tell: Callable[[Any], None], *, where: str = "") -> int:
    """Run the command, tell its answer, return its exit code; complaints begin with ``where``."""
    try:
        module, name = arguments.run.split(".")
        answer = getattr(import_module(f"control_plane.cli.{module}"), name)(arguments)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = "--" + "-".join(str(part) for part in item["loc"]).replace("_", "-")
            complain(f"{where}{name}: {item['msg'].removeprefix('Value error, ')}")
        return 2
    except _EXPECTED as error:
        complain(where + _sentence(error))
        return 1
    if isinstance(answer, int):
        return answer
    tell(answer)
    return 0


def complain(text: str) -> None:
    print(f"spoolhouse: {text}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, IntegrityError):
        return "it contradicts what is there, or something still uses it"
    if isinstance(error, OperationalError):
        return f"the database does not answer: {error.orig}"
    field = getattr(error, "field", None)
    return f"--{field.replace('_', '-')}: {error}" if field else str(error)
