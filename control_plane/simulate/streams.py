"""How far a simulated gateway follows each stream of the change feed; rows are not kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from shared.ids import AccountId, GatewayId
from shared.messages import feed
from shared.messages.feed import FeedAsk, FeedPage
from shared.messages.hello import StreamCursor
from shared.messages.records import account_stream, gateway_stream

_ASK_AGAIN_SECONDS: Final = 5.0
_SERVED: Final = "served-account"


@dataclass(slots=True)
class _Snapshot:
    """A snapshot that is coming: its parts in order, all of one id."""

    id: str
    next_part: int
    served: set[str]


class Streams:
    """Cursors, and the questions that follow from pages and positions."""

    def __init__(self, gateway_id: GatewayId) -> None:
        self._own = gateway_stream(gateway_id)
        self.cursors: dict[str, StreamCursor] = {}
        self._served: set[str] = set()
        self._snapshots: dict[str, _Snapshot] = {}
        self._asked: dict[str, float] = {}

    def is_new(self, stream: str, seq: int) -> bool:
        cursor = self.cursors.get(stream)
        return cursor is not None and seq > cursor.changed_seq

    def connection_lost(self) -> None:
        self._asked.clear()

    def not_asked(self, stream: str) -> None:
        self._asked.pop(stream, None)

    def compare(self, there: Mapping[str, StreamCursor]) -> Iterator[FeedAsk]:
        """Ask for what is elsewhere than here."""
        for stream, cursor in there.items():
            if self._is_ours(stream) and self.cursors.get(stream) != cursor:
                yield from self._ask(stream)

    def apply(self, page: FeedPage) -> Iterator[FeedAsk]:
        """Move the cursor of a page's stream, or ask for what is missing before it."""
        if not self._is_ours(page.stream):
            return
        if page.snapshot is not None:
            if not self._take_part(page):
                return
        else:
            cursor = self.cursors.get(page.stream)
            if (
                cursor is None
                or cursor.feed_epoch != page.feed_epoch
                or page.after > cursor.changed_seq
            ):
                yield from self._ask(page.stream)
                return
            self._note_served(page, self._served)
            upto = max(page.upto, cursor.changed_seq)
            self.cursors[page.stream] = StreamCursor(page.feed_epoch, upto)
        self._asked.pop(page.stream, None)
        if page.stream == self._own:
            yield from self._settle()

    def _take_part(self, page: FeedPage) -> bool:
        """Take a part of a snapshot; whether the stream is whole now."""
        part = page.snapshot
        assert part is not None
        coming = self._snapshots.get(page.stream)
        if coming is None or coming.id != part.id:
            coming = self._snapshots[page.stream] = _Snapshot(part.id, 0, set())
        if part.part != coming.next_part:
            return False
        coming.next_part += 1
        self._asked[page.stream] = time.monotonic()
        self._note_served(page, coming.served)
        if not part.last:
            return False
        del self._snapshots[page.stream]
        if page.stream == self._own:
            self._served = coming.served
        self.cursors[page.stream] = StreamCursor(page.feed_epoch, page.upto)
        return True

    def _note_served(self, page: FeedPage, served: set[str]) -> None:
        for row in page.rows if page.stream == self._own else ():
            if row.kind == _SERVED:
                stream = account_stream(AccountId(row.id))
                (served.discard if row.deleted else served.add)(stream)

    def _settle(self) -> Iterator[FeedAsk]:
        for stream in [name for name in self.cursors if not self._is_ours(name)]:
            del self.cursors[stream]
        for stream in sorted(self._served - set(self.cursors)):
            yield from self._ask(stream)

    def _is_ours(self, stream: str) -> bool:
        return stream == self._own or stream in self._served

    def _ask(self, stream: str) -> Iterator[FeedAsk]:
        now = time.monotonic()
        if now - self._asked.get(stream, -_ASK_AGAIN_SECONDS) < _ASK_AGAIN_SECONDS:
            return
        self._asked[stream] = now
        cursor = self.cursors.get(stream)
        if cursor is None:
            yield FeedAsk(feed.VERSION, stream, None, 0)
        else:
            yield FeedAsk(feed.VERSION, stream, cursor.feed_epoch, cursor.changed_seq)
