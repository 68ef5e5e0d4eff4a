"""Short forms: what was typed comes back with the error beside its field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from control_plane.errors import ConflictError, InvalidError, SpoolhouseError
from control_plane.words import of_validation
from shared.i18n import gettext

_ = gettext
B = TypeVar("B", bound=BaseModel)


@dataclass(slots=True)
class Form:
    """What a page shows in its fields, and what is wrong with it."""

    values: Mapping[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def refuse(self, error: SpoolhouseError, fields: Iterable[str]) -> None:
        """Put a refusal beside the field it names, or above them all.

        Raises:
            SpoolhouseError: It is none that typing something else could mend.
        """
        if not isinstance(error, InvalidError | ConflictError):
            raise error
        name = error.field if error.field in set(fields) else ""
        self.errors[name or ""] = said(error)


def read(kind: type[B], form: Form) -> B | None:
    """Check what was typed; None with the errors in the form where it cannot be used."""
    typed = {name: text for name, text in form.values.items() if text != ""}
    try:
        return kind.model_validate(typed)
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            form.errors.setdefault(name, sentence(of_validation(problem["type"], problem["msg"])))
        return None


def said(error: SpoolhouseError) -> str:
    """Write a refusal as a sentence in the reader's language."""
    return sentence(error.text, **error.values)


def sentence(text: str, **values: object) -> str:
    """Write a message as a sentence, in the reader's language where we have it."""
    words = _(text, **values)
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(('.', '!', '?')) else '.'}"
