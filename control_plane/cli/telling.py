"""What a command answers: JSON for programs, a small table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel


class CommandError(Exception):
    """The command cannot do that; the text says what to do instead."""


def tell(answer: Any, *, as_json: bool) -> None:
    if answer is None:
        return
    plain = to_plain(answer)
    if as_json:
        print(json.dumps(plain, ensure_ascii=False, indent=2))
    elif isinstance(plain, dict) and isinstance(plain.get("items"), list):
        _fields({name: value for name, value in plain.items() if name in _plain_names(plain)})
        _table(plain["items"])
    elif isinstance(plain, dict):
        _fields(plain)
    else:
        print(plain)


def to_plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_plain(item) for item in value]
    return value


def _plain_names(row: Mapping[str, Any]) -> list[str]:
    return [name for name, value in row.items() if name != "items" and value is not None]


def _fields(row: Mapping[str, Any]) -> None:
    width = max((len(name) for name in row), default=0)
    for name, value in row.items():
        print(f"{name:<{width}}  {_short(value)}")


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        print("nothing yet")
        return
    names = [name for name in rows[0] if not isinstance(rows[0][name], dict | list)]
    lines = [names, *([_short(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(names))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))


def _short(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    # What strangers named must not steer the terminal.
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
