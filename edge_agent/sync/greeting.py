"""Hello: said until the primary answers, and which of its answers is the one (docs/link.md, 4)."""

from __future__ import annotations

import asyncio
import random
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from edge_agent.jobs import outbox
from shared.messages.envelope import Lane
from shared.messages.hello import LaneHello, Position

_FIRST_SECONDS: Final = 0.5  # without an answer it is said again, less and less often
_AT_MOST_SECONDS: Final = 30.0
_UNHEARD_SECONDS: Final = 0.8  # about: until it is said again where nobody listens yet


class Greeting:
    """Used from the link's tasks alone."""

    def __init__(
        self,
        say: Callable[[str], Awaitable[None]],
        is_up: Callable[[], bool],
        on_silence: Callable[[], None],
    ) -> None:
        """``say`` sends a Hello of that name; ``on_silence``: there was no answer in time."""
        self._say = say
        self._is_up = is_up
        self._on_silence = on_silence
        self._name = ""  # of the Hello that waits for its answer
        self._wanted = asyncio.Event()
        self._answered = asyncio.Event()
        self._unheard = asyncio.Event()

    def begin(self) -> None:
        """Say Hello soon."""
        self._wanted.set()

    def was_not_heard(self) -> None:
        """The broker says that nobody listens."""
        self._unheard.set()
        if self._answered.is_set():
            self.begin()

    def takes(self, name: str) -> bool:
        """Whether this is the answer, and the first; an old one, and a further one, is none."""
        if not name or name != self._name:
            return False
        self._name = ""
        self._answered.set()
        return True

    async def run(self) -> None:
        """Say it until cancelled, whenever it is wanted."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._answered.clear()
            # One name for all repeats: where the primary is slow, its answer to the first counts.
            self._name = secrets.token_hex(8)
            await self._say_until_answered()

    async def _say_until_answered(self) -> None:
        patience = _FIRST_SECONDS
        while self._is_up() and not self._answered.is_set():
            self._unheard.clear()
            await self._say(self._name)
            if await self._is_answered_within(patience):
                return
            self._on_silence()
            if self._unheard.is_set():
                # It costs nobody anything to ask again, and the line is back at once.
                patience = _FIRST_SECONDS
                await asyncio.sleep(random.uniform(0.5, 1.5) * _UNHEARD_SECONDS)  # noqa: S311
            else:
                patience = min(patience * 1.5, _AT_MOST_SECONDS)

    async def _is_answered_within(self, seconds: float) -> bool:
        """Wait for the answer, or for the broker to say that nobody heard the question."""
        waits = [asyncio.create_task(e.wait()) for e in (self._answered, self._unheard)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self._answered.is_set()


def lanes(connection: sqlite3.Connection, trouble: Mapping[Lane, str]) -> dict[str, LaneHello]:
    """Where each lane stands."""
    return {lane.value: _lane(connection, lane, trouble[lane]) for lane in Lane}


def _lane(connection: sqlite3.Connection, lane: Lane, trouble: str) -> LaneHello:
    state = outbox.lane_state(connection, lane)
    before = outbox.predecessor(connection, lane, state.epoch)
    previous = Position(before.epoch, before.seq, before.chain.hex()) if before else None
    return LaneHello(
        state.epoch,
        state.next_seq,
        state.chain.hex(),
        state.floor,
        previous,
        before.why if before else "born",
        trouble,
    )
