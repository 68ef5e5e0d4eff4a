"""The Terminal Client service: the page at the printer and what it asks, over HTTP.

``GET /terminal`` shows the page, which holds no data; ``GET /terminal/events`` tells a paired
screen what to show, as server-sent events, at once; every change is a POST of our own page.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import ssl
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from aiohttp import web

from edge_agent.audit import Audit
from edge_agent.identity.directory import Directory
from edge_agent.identity.session import Station, Stations
from edge_agent.service import Health
from edge_agent.terminal import doors, view
from edge_agent.terminal.acts import COOKIE, Acts
from edge_agent.terminal.pairing import Pairing, Pairings
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.i18n import reading_as
from shared.ids import PrinterId
from shared.messages.records import ServiceSetting

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 10.0
STREAMS: Final = 64
STREAMS_PER_TERMINAL: Final = 4
STATIC: Final = Path(__file__).parent / "static"

PrinterStatus = Callable[[PrinterId], tuple[str, str]]


class TerminalClient:
    """The service; ``setting`` says where it listens."""

    name = "terminal-client"

    def __init__(
        self,
        setting: ServiceSetting,
        *,
        directory: Directory,
        stations: Stations,
        pairings: Pairings,
        audit: Audit,
        clock: Clock,
        printer_status: PrinterStatus,
        host_names: Callable[[], Collection[str]],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._setting = setting
        self._acts = Acts(directory, stations, pairings, audit, clock)
        self._directory = directory
        self._pairings = pairings
        self._clock = clock
        self._printer_status = printer_status
        self._host_names = host_names
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._streams: dict[str, set[asyncio.Event]] = {}
        self._following: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self.port: int | None = None

    # --- service ------------------------------------------------------------------------------

    async def start(self) -> None:
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        await self._pairings.load()
        self._directory.subscribe(self._on_directory)
        app = web.Application(
            middlewares=[doors.guard(self._host_names)], client_max_size=doors.MAX_BODY
        )
        app.add_routes(
            [
                web.get("/", self._to_page),
                web.get("/terminal", self._page),
                web.get("/terminal/", self._page),
                web.get("/terminal/events", self._events),
                web.static("/terminal/static", STATIC),
                *self._acts.routes(),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            port = self._setting.port or 0
            site = web.TCPSite(
                self._runner, self._setting.host, port, ssl_context=self._tls, reuse_address=True
            )
            await site.start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._stopping = True
        self._wake()
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def health(self) -> Health:
        figures: dict[str, int | str] = {
            "paired": len(self._pairings),
            "watching": sum(len(streams) for streams in self._streams.values()),
        }
        if self._runner is None:
            return Health(ok=False, says=_("The terminals' page is not served."), figures=figures)
        return Health(ok=True, says=_("Terminals are served."), figures=figures)

    # --- pages --------------------------------------------------------------------------------

    async def _to_page(self, _request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/terminal")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = web.Response(text=_read_page(), content_type="text/html")
        cookie = request.cookies.get(COOKIE, "")
        if cookie.isascii() and self._pairings.find(cookie) is not None:
            self._acts.set_cookie(request, page, cookie)  # browsers forget it after 400 days
        return page

    async def _events(self, request: web.Request) -> web.StreamResponse:
        pairing = self._acts.find(request)
        if pairing is None:
            return web.json_response(view.UNPAIRED, status=401)
        streams = self._streams.setdefault(pairing.id, set())
        everywhere = sum(len(streams) for streams in self._streams.values())
        if len(streams) >= STREAMS_PER_TERMINAL or everywhere >= STREAMS:
            raise web.HTTPTooManyRequests(reason="This terminal is shown too often.")
        changed = asyncio.Event()
        streams.add(changed)
        station = self._acts.station(pairing)
        unwatch = station.watch(changed.set)
        try:
            return await self._stream(request, pairing, station, changed)
        finally:
            unwatch()
            streams.discard(changed)
            if not streams:
                self._streams.pop(pairing.id, None)

    async def _stream(
        self, request: web.Request, pairing: Pairing, station: Station, changed: asyncio.Event
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={**doors.HEADERS, "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        await response.prepare(request)
        try:
            while not self._stopping:
                changed.clear()
                is_paired = self._pairings.is_paired(pairing)
                if self._acts.station(pairing) is not station:
                    break  # It was moved: the screen comes again and is shown its new printer.
                state = self._state(pairing, station) if is_paired else view.UNPAIRED
                await _write(response, f"data: {json.dumps(state)}\n\n")
                if not is_paired:
                    break
                while not self._stopping and not await _is_set(changed, HEARTBEAT_SECONDS):
                    await _write(response, ": still here\n\n")
        except (OSError, TimeoutError):
            log.debug("terminal %s went away", pairing.name)
        return response

    # --- inside -------------------------------------------------------------------------------

    def _state(self, pairing: Pairing, station: Station) -> dict[str, object]:
        account = self._directory.account(pairing.account_id)
        if account is None:
            return dict(view.UNPAIRED)
        printer = self._directory.printer_of(pairing.account_id, station.printer_id)
        language = station.shown.language or account.language
        with reading_as(language):
            status = self._printer_status(station.printer_id)
        return view.state_of(
            station.shown,
            account,
            printer,
            status,
            now=self._clock.now(),
            monotonic=self._clock.monotonic(),
        )

    def _on_directory(self, _stream: str, _kinds: object) -> None:
        if self._loop is not None and not self._loop.is_closed() and not self._stopping:
            self._loop.call_soon_threadsafe(self._follow)

    def _follow(self) -> None:
        if not self._stopping:
            self._following = asyncio.create_task(self._follow_directory(), name="revocations")

    async def _follow_directory(self) -> None:
        for pairing in await self._pairings.follow_directory():
            log.info("terminal %s was revoked", pairing.name)
        self._wake()

    def _wake(self) -> None:
        for streams in self._streams.values():
            for changed in streams:
                changed.set()


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(text.encode())


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@functools.cache
def _read_page() -> str:
    return (STATIC / "terminal.html").read_text(encoding="utf-8")
