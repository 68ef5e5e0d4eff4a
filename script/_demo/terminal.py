"""The screen at the printer, as a browser would use it: paired by a code, told by events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Self

import aiohttp

HEADERS: Final = {"X-Terminal": "1"}
State = dict[str, Any]


PAIR_SECONDS: Final = 15.0
PAIR_EVERY_SECONDS: Final = 1.0


class TerminalError(Exception):
    """The terminal did not do or show what it should."""


class RefusedError(TerminalError):
    """The gateway said no."""


class Terminal:
    """One paired screen; ``wait_for`` tells when it shows something."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers=HEADERS
        )
        self._listener: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.states: list[State] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        await self._http.close()

    async def pair(self, code: str) -> None:
        """Pair; a code that was made this moment may still be on its way to the gateway."""
        deadline = time.monotonic() + PAIR_SECONDS
        while True:
            try:
                await self._post("pair", {"code": code, "name": "Demo terminal"})
                break
            except RefusedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAIR_EVERY_SECONDS)
        self._listener = asyncio.create_task(self._listen(), name="terminal events")
        await self.wait_for(lambda state: state["state"] != "unpaired", "the terminal's first page")

    async def sign_out(self) -> None:
        await self._post("sign-out", {})
        await self.wait_for(lambda state: state["state"] == "idle", "the terminal signing out")

    async def sign_in(self, username: str, password: str) -> None:
        await self._post("sign-in", {"username": username, "password": password})

    async def release(self, *job_ids: str) -> None:
        await self._post("release", {"job_ids": list(job_ids)})

    async def delete(self, job_id: str) -> None:
        await self._post("delete", {"job_id": job_id})

    def mark(self) -> int:
        """Remember where we are, to wait only for what comes after."""
        return len(self.states)

    async def wait_for(
        self,
        wanted: Callable[[State], bool],
        what: str,
        *,
        since: int | None = None,
        seconds: float = 5.0,
    ) -> State:
        """Wait until a state is as wanted; without ``since`` the one that is shown now counts.

        Raises:
            TerminalError: It never was.
        """
        begin = max(len(self.states) - 1, 0) if since is None else since
        try:
            async with asyncio.timeout(seconds), self._changed:
                while True:
                    for state in self.states[begin:]:
                        if wanted(state):
                            return state
                    await self._changed.wait()
        except TimeoutError:
            shown = json.dumps(self.states[begin:][-3:], ensure_ascii=False)
            raise TerminalError(
                f"no sign of {what} within {seconds:.0f} s; it shows {shown}"
            ) from None

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        url = f"{self._url}/{path}"
        async with self._http.post(url, json=body, timeout=timeout) as answer:
            if answer.status == HTTPStatus.FORBIDDEN:
                raise RefusedError(f"{path}: {await answer.text()}")
            if answer.status >= 400:  # noqa: PLR2004
                raise TerminalError(f"{path}: {answer.status} {await answer.text()}")

    async def _listen(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, connect=5)
        while True:
            try:
                async with self._http.get(f"{self._url}/events", timeout=timeout) as events:
                    async for line in events.content:
                        if line.startswith(b"data:"):
                            await self._take(json.loads(line[5:]))
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)

    async def _take(self, state: State) -> None:
        async with self._changed:
            self.states.append(state)
            self._changed.notify_all()
