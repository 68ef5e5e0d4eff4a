"""Follows the change feed: applies pages, asks for what is missing, forgets what is not ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from edge_agent.sync.replica import Outcome, Replica
from shared.clock import Clock
from shared.ids import AccountId, GatewayId
from shared.messages import feed
from shared.messages.feed import FeedAsk, FeedPage
from shared.messages.hello import StreamCursor
from shared.messages.records import ServedAccountRecord, account_stream, gateway_stream

log = logging.getLogger(__name__)

_ASK_AGAIN_SECONDS: Final = 5.0

Ask = Callable[[FeedAsk], bool]
Forget = Callable[[AccountId], Awaitable[None]]


class Follower:
    """Used from the link's task alone; the replica works in a thread."""

    def __init__(
        self, replica: Replica, gateway_id: GatewayId, clock: Clock, ask: Ask, forget: Forget
    ) -> None:
        self._replica = replica
        self._gateway_id = gateway_id
        self._clock = clock
        self._ask = ask
        self._forget = forget
        self._own = gateway_stream(gateway_id)
        self._asked: dict[str, float] = {}

    async def on_page(self, page: FeedPage) -> Outcome | None:
        """Apply a page whose signature was checked; None where it is none of ours."""
        if page.gateway_id != self._gateway_id or page.v != feed.VERSION:
            log.warning("a page is for gateway %s in version %d", page.gateway_id, page.v)
            return None
        if page.stream != self._own and page.stream not in self._served():
            return None  # No longer served: the page was on its way.
        outcome = await asyncio.to_thread(self._replica.apply, page)
        if outcome is Outcome.GAP:
            self.ask_for(page.stream)
            return outcome
        if outcome is Outcome.PARTIAL:
            self._asked[page.stream] = self._clock.monotonic()  # The rest is on its way.
            return outcome
        self._asked.pop(page.stream, None)
        if page.stream == self._own and outcome is Outcome.APPLIED:
            await self.settle()
        return outcome

    async def on_positions(self, there: Mapping[str, StreamCursor], at: datetime) -> None:
        """Compare what there is with what is here: ask, or know that nothing is newer."""
        have = self._replica.streams()
        for stream, cursor in there.items():
            if stream != self._own and stream not in self._served():
                continue
            if have.get(stream) == cursor:
                await asyncio.to_thread(self._replica.touch, stream, cursor, at)
            else:
                self.ask_for(stream)

    async def settle(self) -> None:
        """Bring the streams to what the gateway's own one says: ask for new, forget old."""
        if self._replica.cursor(self._own) is None:
            return
        served, have = self._served(), self._replica.streams()
        for stream in have:
            if stream.startswith("account:") and stream not in served:
                await self._forget(AccountId(stream.removeprefix("account:")))
                await asyncio.to_thread(self._replica.forget, stream)
                log.info("%s is served no longer and forgotten", stream)
        for stream in served - set(have):
            self.ask_for(stream)

    def ask_for(self, stream: str) -> None:
        """Ask for what comes after our cursor; not again while an answer is on its way."""
        now = self._clock.monotonic()
        if now - self._asked.get(stream, -_ASK_AGAIN_SECONDS) < _ASK_AGAIN_SECONDS:
            return
        cursor = self._replica.cursor(stream)
        ask = (
            FeedAsk(feed.VERSION, stream, None, 0)
            if cursor is None
            else FeedAsk(feed.VERSION, stream, cursor.feed_epoch, cursor.changed_seq)
        )
        if self._ask(ask):
            self._asked[stream] = now

    def connection_lost(self) -> None:
        self._asked.clear()

    def _served(self) -> set[str]:
        records = self._replica.list(ServedAccountRecord, self._own)
        return {account_stream(record.id) for record in records}
