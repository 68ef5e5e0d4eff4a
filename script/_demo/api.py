"""The primary's REST API, asked with a key as any program would ask it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final

import aiohttp

TIMEOUT: Final = aiohttp.ClientTimeout(total=20)
PREFIX: Final = "/api/v1"
AGAIN: Final = (0.1, 0.3, 1.0)  # pauses before a question is repeated: the primary just came up


class ApiError(Exception):
    """The API refused; the text says what was asked and what it said."""


class Api:
    """One key at one primary; a connection for each question, since the primary comes and goes."""

    def __init__(self, url: str, ca_file: Path, key: str) -> None:
        self._url = url + PREFIX
        self._ca_file = ca_file
        self._headers = {"Authorization": f"Bearer {key}"}

    async def get(self, path: str, **query: str | int) -> Any:
        """Ask, again where nobody answers: a question changes nothing.

        Raises:
            ApiError: It refuses.
        """
        for pause in AGAIN:
            try:
                return await self._ask("GET", path, params=query)
            except (aiohttp.ClientConnectionError, TimeoutError):
                await asyncio.sleep(pause)
        return await self._ask("GET", path, params=query)

    async def items(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(path, **query))["items"]
        return found

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return await self._ask("POST", path, json=body)

    async def delete(self, path: str) -> None:
        await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        trusted = ssl.create_default_context(cafile=str(self._ca_file))
        connector = aiohttp.TCPConnector(ssl=trusted, force_close=True)
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as http,
            http.request(method, self._url + path, headers=self._headers, **more) as answer,
        ):
            if answer.status >= 400:  # noqa: PLR2004
                raise ApiError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.content_type == "application/json" else None
