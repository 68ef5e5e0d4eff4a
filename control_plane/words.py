"""What is wrong with a value, in words for people; English, translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from shared.i18n import mark

_SAID: Final[Mapping[str, str]] = {
    "missing": mark("Please fill this in."),
    "string_too_short": mark("Please fill this in, a little longer."),
    "string_too_long": mark("This is too long."),
    "too_long": mark("These are too many at once."),
    "too_short": mark("Please fill this in."),
    "string_pattern_mismatch": mark("This is not written the way it must be."),
    "int_parsing": mark("Please give a number."),
    "greater_than_equal": mark("This number is too small."),
    "less_than_equal": mark("This number is too large."),
    "enum": mark("Please choose one of these."),
}


def of_validation(kind: str, message: str) -> str:
    """Say what pydantic found, by the type of its error."""
    return _SAID.get(kind) or message.removeprefix("Value error, ")


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Give the first field that is wrong, and what is wrong with it."""
    problem = error.errors(include_url=False)[0]
    field = str(problem["loc"][0]) if problem["loc"] else ""
    return field, of_validation(problem["type"], problem["msg"])
