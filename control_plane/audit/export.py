"""An audit that was taken along, proved without the database that it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from control_plane.audit.service import hash_of
from control_plane.errors import InvalidError


def verify(path: Path) -> tuple[int, str | None]:
    """Walk an export: how many rows it has, and where its chain is broken (None: nowhere).

    The file is what ``GET /audit/export`` answers; of several pages, ``items`` joined in order.

    Raises:
        InvalidError: It is no export.
    """
    try:
        exported = json.loads(path.read_bytes())
        return check_rows(exported["tenant"], exported["items"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidError("file", "is no export of the audit: %(why)s", why=repr(error)) from None


def check_rows(tenant: str, rows: Iterable[Mapping[str, Any]]) -> tuple[int, str | None]:
    """Walk rows in their order; the first may stand anywhere in the chain."""
    previous, seq, count = "", 0, 0
    for shown in rows:
        row = {
            **shown,
            "tenant": tenant,
            "at": datetime.fromisoformat(shown["at"]),
            "recorded_at": datetime.fromisoformat(shown["recorded_at"]),
        }
        is_first = count == 0
        seq = shown["seq"] if is_first and shown["seq"] > 1 else seq + 1
        if shown["seq"] != seq:
            return count, f"row {seq} is missing"
        if shown["previous"] != previous and not (is_first and seq > 1):
            return count, f"row {seq} does not follow the one before it"
        if hash_of(row) != shown["hash"]:
            return count, f"row {seq} was changed"
        previous, count = shown["hash"], count + 1
    return count, None
