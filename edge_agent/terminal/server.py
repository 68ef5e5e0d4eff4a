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
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from aiohttp import web

from edge_agent.audit import Audit
from edge_agent.calls import CallFailedError
from edge_agent.identity.directory import Directory
from edge_agent.identity.session import Station, Stations
from edge_agent.readers.lines import Flood
from edge_agent.service import Health
from edge_agent.terminal import doors, view
from edge_agent.terminal.pairing import Pairing, PairingRefusedError, Pairings
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.i18n import reading_as
from shared.ids import JobId, PrinterId, is_id
from shared.messages.records import ServiceSetting

log = logging.getLogger(__name__)

COOKIE: Final = "spoolhouse_terminal"
COOKIE_SECONDS: Final = 400 * 86_400
HEARTBEAT_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 10.0
STREAMS: Final = 64
STREAMS_PER_TERMINAL: Final = 4
MAX_JOBS: Final = 200
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
        self._directory = directory
        self._stations = stations
        self._pairings = pairings
        self._audit = audit
        self._clock = clock
        self._printer_status = printer_status
        self._host_names = host_names
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._streams: dict[str, set[asyncio.Event]] = {}
        self._following: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._pair_attempts = Flood(30, 0.5)
        self._pair_sources: dict[str, Flood] = {}
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
                web.post("/terminal/pair", self._pair),
                web.post("/terminal/release", self._release),
                web.post("/terminal/delete", self._delete),
                web.post("/terminal/sign-out", self._sign_out),
                web.post("/terminal/sign-in", self._sign_in),
                web.post("/terminal/pin", self._pin),
                web.static("/terminal/static", STATIC),
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
        if cookie and self._pairings.find(cookie) is not None:
            self._set_cookie(request, page, cookie)  # browsers forget it after 400 days
        return page

    async def _events(self, request: web.Request) -> web.StreamResponse:
        pairing = self._find(request)
        if pairing is None:
            return web.json_response(view.UNPAIRED, status=401)
        streams = self._streams.setdefault(pairing.id, set())
        everywhere = sum(len(streams) for streams in self._streams.values())
        if len(streams) >= STREAMS_PER_TERMINAL or everywhere >= STREAMS:
            raise web.HTTPTooManyRequests(reason="This terminal is shown too often.")
        changed = asyncio.Event()
        streams.add(changed)
        station = self._station(pairing)
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
                if self._station(pairing) is not station:
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

    # --- changes ------------------------------------------------------------------------------

    async def _pair(self, request: web.Request) -> web.StreamResponse:
        body = await doors.read_json(request)
        source = request.remote or ""
        if self._is_guessing(source):
            self._audit_refusal(source, "pair", "too many attempts")
            raise web.HTTPTooManyRequests(reason=_("Too many attempts. Please wait a minute."))
        code, name = doors.text_in(body, "code", 80), doors.text_in(body, "name", 200)
        try:
            pairing, cookie = await self._pairings.pair(code, name)
        except PairingRefusedError as error:
            self._audit_refusal(source, "pair", error.reason)
            says = _("This code does not work. It may be used up or too old: make a new one.")
            raise web.HTTPForbidden(reason=says) from None
        self._audit.record(
            "terminal.paired",
            ok=True,
            source=source,
            account_id=pairing.account_id,
            printer_id=pairing.printer_id,
            reader_id=pairing.reader_id,
            detail={"terminal_id": pairing.id, "name": pairing.name},
        )
        response = web.json_response({"ok": True})
        self._set_cookie(request, response, cookie)
        return response

    async def _release(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        body = await doors.read_json(request)
        wanted = body.get("job_ids")
        if not isinstance(wanted, list) or not 0 < len(wanted) <= MAX_JOBS:
            raise web.HTTPBadRequest(reason="job_ids is missing.")
        job_ids = tuple(_job_id(item) for item in wanted)
        with self._speaking(pairing):
            try:
                released = await self._station(pairing).release(job_ids)
            except CallFailedError as error:
                raise web.HTTPServiceUnavailable(reason=error.says) from None
            if released is None:
                raise web.HTTPConflict(reason=_("Nobody is signed in."))
        return web.json_response(
            {"released": list(released.released), "refused": dict(released.refused)}
        )

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        job_id = _job_id((await doors.read_json(request)).get("job_id"))
        with self._speaking(pairing):
            try:
                says = await self._station(pairing).delete(job_id)
            except CallFailedError as error:
                raise web.HTTPServiceUnavailable(reason=error.says) from None
        return web.json_response({"message": says or ""}, status=409 if says else 200)

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        await doors.read_json(request)
        self._station(pairing).sign_out()
        return web.json_response({"ok": True})

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        body = await doors.read_json(request)
        username = doors.text_in(body, "username", 256)
        password = doors.text_in(body, "password", 1024)
        with self._speaking(pairing):
            try:
                device = f"terminal:{pairing.id}"
                answer = await self._station(pairing).sign_in(username, password, device)
            except CallFailedError as error:
                raise web.HTTPServiceUnavailable(reason=error.says) from None
        status = 200 if answer.ok else 429 if answer.reason == "locked" else 403
        return web.json_response({"message": answer.says}, status=status)

    async def _pin(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        pin = doors.text_in(await doors.read_json(request), "pin", 64)
        if not await self._station(pairing).enter_pin(pin):
            raise web.HTTPConflict(reason=_("Please tap your card first."))
        return web.json_response({"ok": True})

    # --- inside -------------------------------------------------------------------------------

    def _find(self, request: web.Request) -> Pairing | None:
        cookie = request.cookies.get(COOKIE, "")
        pairing = self._pairings.find(cookie) if len(cookie) < 200 else None  # noqa: PLR2004
        if pairing is None:
            what = "with a cookie that is not valid" if cookie else "unpaired"
            self._audit_refusal(request.remote or "", request.path, what)
        return pairing

    def _paired(self, request: web.Request) -> Pairing:
        pairing = self._find(request)
        if pairing is None:
            raise web.HTTPUnauthorized(reason=_("This terminal is not paired."))
        return pairing

    def _station(self, pairing: Pairing) -> Station:
        return self._stations.at(pairing.account_id, self._pairings.printer_of(pairing))

    def _speaking(self, pairing: Pairing) -> AbstractContextManager[None]:
        account = self._directory.account(pairing.account_id)
        person = self._station(pairing).shown.person
        return reading_as(person.language if person else account.language if account else None)

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

    def _is_guessing(self, source: str) -> bool:
        now = self._clock.monotonic()
        if len(self._pair_sources) > 1000:  # noqa: PLR2004
            self._pair_sources.clear()
        mine = self._pair_sources.setdefault(source, Flood(5, 1 / 12))
        return mine.is_too_much(now) or self._pair_attempts.is_too_much(now)

    def _audit_refusal(self, source: str, what: str, why: str) -> None:
        self._audit.record(
            "terminal.refused", ok=False, source=source, detail={"what": what, "why": why}
        )

    def _set_cookie(self, request: web.Request, response: web.StreamResponse, cookie: str) -> None:
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=COOKIE_SECONDS,
            path="/terminal",
            httponly=True,
            samesite="Strict",
            secure=request.secure,
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


def _job_id(value: object) -> JobId:
    if not isinstance(value, str) or not is_id(value):
        raise web.HTTPBadRequest(reason="This is no job.")
    return JobId(value)


@functools.cache
def _read_page() -> str:
    return (STATIC / "terminal.html").read_text(encoding="utf-8")
