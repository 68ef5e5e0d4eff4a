"""Changing a row by a body: only what was sent, and what changed is told to the audit."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from control_plane.database import Versioned
from control_plane.errors import InvalidError, StaleError


def check_version(row: Versioned, expected: int | None) -> None:
    """Refuse to change what the asker has not seen.

    Raises:
        StaleError: The row is newer; answer 412.
    """
    if expected is not None and row.version != expected:
        raise StaleError


def apply(row: Versioned, changes: BaseModel) -> dict[str, Any]:
    """Set what the body names; returns what is different now, as name to [before, after].

    Raises:
        InvalidError: A value that every row has was to be removed.
    """
    changed = differences(row, changes)
    for name, (_before, value) in changed.items():
        setattr(row, name, value)
    return changed


def differences(row: Versioned, changes: BaseModel) -> dict[str, Any]:
    """What ``apply`` would change; the row stays as it is.

    Raises:
        InvalidError: A value that every row has was to be removed.
    """
    found: dict[str, Any] = {}
    columns = type(row).__table__.columns  # type: ignore[attr-defined]
    for name, value in changes.model_dump(mode="json", exclude_unset=True).items():
        if value is None and not columns[name].nullable:
            raise InvalidError(name, "cannot be empty")
        before = getattr(row, name)
        if before != value:
            found[name] = [before, value]
    return found
