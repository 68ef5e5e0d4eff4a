"""The change feed: pages of rows with versions, and the question for them.

A page travels on ``down/feed``, signed and compressed, below 256 KiB, and is applied all or
nothing. ``after`` and ``upto`` are cursors of the stream: the page brings everything that changed
in ``after < changed_seq <= upto``. A gateway whose cursor is not ``after`` does not apply it and
asks (``up/feed``). A snapshot is the whole stream in parts: ``part`` counts from 0, ``last`` marks
the end, ``id`` keeps two snapshots apart; it replaces everything when its last part is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

VERSION: Final = 1
MAX_PAGE_ROWS: Final = 2_000
MAX_PAGE_BYTES: Final = 320 * 1024  # of rows as JSON; even pure noise in base64 packs below 256 KiB


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One thing, as it is now. A newer version wins, whatever the order of arrival."""

    kind: str
    id: str
    version: int
    seq: int  # changed_seq of the stream
    deleted: bool = False
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    id: str
    part: int
    last: bool


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of one stream, for one gateway."""

    v: int
    gateway_id: str
    stream: str
    feed_epoch: str
    after: int
    upto: int
    rows: tuple[FeedRow, ...]
    issued_at: datetime
    snapshot: SnapshotPart | None = None
    more: bool = False  # further pages follow at once


@dataclass(frozen=True, slots=True)
class FeedAsk:
    """Give me what changed after my cursor; with no epoch: give me a snapshot."""

    v: int
    stream: str
    feed_epoch: str | None
    after: int
