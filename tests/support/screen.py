"""A screen at a printer, as the browser there uses it: paired by a code, told by events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

State = dict[str, Any]


class Screen:
    """One browser; ``pair`` it, then ``sees`` waits for a state."""

    def __init__(self, base: str) -> None:
        self.base = base
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(
            cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=None, connect=5)
        )
        self.states: list[State] = []
        self._changed = asyncio.Condition()
        self._listening: asyncio.Task[None] | None = None

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        url = f"{self.base}/terminal/{path}"
        async with self.http.post(url, json=body, headers={"X-Terminal": "1", **headers}) as answer:
            return answer.status, await answer.json(content_type=None)

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(f"{self.base}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def pair(self, code: str) -> None:
        status, answer = await self.post("pair", {"code": code, "name": "Reception"})
        assert status == 200, answer
        self._listening = asyncio.create_task(self._listen())
        await self.sees("idle")

    async def sees(self, state: str, *, having: Callable[[State], object] = bool) -> State:
        """Wait until the screen shows this state; what it shows now counts."""
        async with asyncio.timeout(5), self._changed:
            while not (
                self.states and self.states[-1]["state"] == state and having(self.states[-1])
            ):
                await self._changed.wait()
            return self.states[-1]

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self.http.close()

    async def _listen(self) -> None:
        async with self.http.get(f"{self.base}/terminal/events") as answer:
            assert answer.status == 200
            async for line in answer.content:
                if line.startswith(b"data:"):
                    async with self._changed:
                        self.states.append(json.loads(line[5:]))
                        self._changed.notify_all()


@asynccontextmanager
async def a_screen(base: str) -> AsyncIterator[Screen]:
    screen = Screen(base)
    try:
        yield screen
    finally:
        await screen.close()
