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

# What ``NotFoundError`` says of each kind of thing.
NOT_FOUND: Final = (
    mark("there is no such account"),
    mark("there is no such audit row"),
    mark("there is no such box"),
    mark("there is no such card"),
    mark("there is no such certificate"),
    mark("there is no such command"),
    mark("there is no such deletion"),
    mark("there is no such domain"),
    mark("there is no such gateway"),
    mark("there is no such grant"),
    mark("there is no such group"),
    mark("there is no such import"),
    mark("there is no such job"),
    mark("there is no such key"),
    mark("there is no such licence"),
    mark("there is no such link"),
    mark("there is no such member"),
    mark("there is no such page"),
    mark("there is no such print token"),
    mark("there is no such printer"),
    mark("there is no such queue"),
    mark("there is no such reader"),
    mark("there is no such role"),
    mark("there is no such row"),
    mark("there is no such secret"),
    mark("there is no such session"),
    mark("there is no such site"),
    mark("there is no such terminal"),
    mark("there is no such user"),
    mark("there is no such vendor"),
)
# What we say where no refusal of ours does.
OTHERWISE: Final = (
    mark("something went wrong here; it was logged"),
    mark("it contradicts what is there, or something still uses it"),
)


def of_validation(kind: str, message: str) -> str:
    """Say what pydantic found, by the type of its error."""
    return _SAID.get(kind) or message.removeprefix("Value error, ")


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Give the first field that is wrong, and what is wrong with it."""
    problem = error.errors(include_url=False)[0]
    field = str(problem["loc"][0]) if problem["loc"] else ""
    return field, of_validation(problem["type"], problem["msg"])
