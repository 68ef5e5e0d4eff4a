"""The administrator's job list in the browser, asked often and quickly."""

from __future__ import annotations

import csv
import io
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
WAITING, PRINTED = "Waiting", "Printed"
Row = Mapping[str, str]


class PagesError(Exception):
    """The pages did not let us in, or showed something else than a list."""


class JobList:
    """Signed in on the account's own host; ``rows`` is what the list shows now, as its export."""

    def __init__(self, url: str, address: str, ca_file: str, admin: Mapping[str, str]) -> None:
        self._host = url.removeprefix("https://")
        self._base = f"https://{address}"
        self._origin = url
        self._ca_file = Path(ca_file)
        self._admin = admin
        self._http = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        self._cookie = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def rows(self, title: str) -> list[Row]:
        """The jobs of exactly this title."""
        if not self._cookie:
            await self._sign_in()
        async with self._ask("GET", f"/jobs/export.csv?q={title.replace(' ', '+')}") as answer:
            if answer.status != 200:  # noqa: PLR2004
                self._cookie = ""
                raise PagesError(f"the job list answers {answer.status}")
            table = (await answer.read()).decode("utf-8-sig")
        return [row for row in csv.DictReader(io.StringIO(table)) if row["Title"] == title]

    async def _sign_in(self) -> None:
        form = {**self._admin, "next": "/", "csrf_token": ""}
        async with self._ask("POST", "/sign-in", data=form) as answer:
            cookies = [f"{name}={morsel.value}" for name, morsel in answer.cookies.items()]
            if answer.status != 303 or not cookies:  # noqa: PLR2004
                raise PagesError(f"signing in answers {answer.status}")
            self._cookie = "; ".join(cookies)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask this computer for the account's host name, which need not be in any DNS."""
        headers = {"Host": self._host, "Origin": self._origin, "Cookie": self._cookie}
        return self._http.request(
            method,
            self._base + path,
            headers=headers,
            ssl=ssl.create_default_context(cafile=self._ca_file),
            server_hostname=self._host.partition(":")[0],
            allow_redirects=False,
            **options,
        )
