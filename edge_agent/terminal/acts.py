"""What a person does at a screen: one function per POST; each asks first whose screen it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from aiohttp import web

from edge_agent.audit import Audit
from edge_agent.calls import CallFailedError
from edge_agent.identity.directory import Directory
from edge_agent.identity.session import Station, Stations
from edge_agent.readers.lines import Flood
from edge_agent.terminal import doors
from edge_agent.terminal.pairing import Pairing, PairingRefusedError, Pairings
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.i18n import reading_as
from shared.ids import JobId, is_id

COOKIE: Final = "spoolhouse_terminal"
COOKIE_SECONDS: Final = 400 * 86_400
LONGEST_COOKIE: Final = 200
MAX_JOBS: Final = 200
SOURCES: Final = 1000


class Acts:
    """The changes that a paired screen may ask for, and pairing itself."""

    def __init__(
        self,
        directory: Directory,
        stations: Stations,
        pairings: Pairings,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._stations = stations
        self._pairings = pairings
        self._audit = audit
        self._clock = clock
        self._pair_attempts = Flood(30, 0.5)
        self._pair_sources: dict[str, Flood] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/terminal/pair", self._pair),
            web.post("/terminal/release", self._release),
            web.post("/terminal/delete", self._delete),
            web.post("/terminal/sign-out", self._sign_out),
            web.post("/terminal/sign-in", self._sign_in),
            web.post("/terminal/pin", self._pin),
        ]

    def find(self, request: web.Request) -> Pairing | None:
        cookie = request.cookies.get(COOKIE, "")
        is_ours = len(cookie) < LONGEST_COOKIE and cookie.isascii()
        pairing = self._pairings.find(cookie) if is_ours else None
        if pairing is None:
            what = "with a cookie that is not valid" if cookie else "unpaired"
            self._audit_refusal(request.remote or "", request.path, what)
        return pairing

    def station(self, pairing: Pairing) -> Station:
        return self._stations.at(pairing.account_id, self._pairings.printer_of(pairing))

    def set_cookie(self, request: web.Request, response: web.StreamResponse, cookie: str) -> None:
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=COOKIE_SECONDS,
            path="/terminal",
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )

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
        self.set_cookie(request, response, cookie)
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
                released = await self.station(pairing).release(job_ids)
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
                says = await self.station(pairing).delete(job_id)
            except CallFailedError as error:
                raise web.HTTPServiceUnavailable(reason=error.says) from None
        return web.json_response({"message": says or ""}, status=409 if says else 200)

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        await doors.read_json(request)
        self.station(pairing).sign_out()
        return web.json_response({"ok": True})

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        body = await doors.read_json(request)
        username = doors.text_in(body, "username", 256)
        password = doors.text_in(body, "password", 1024)
        with self._speaking(pairing):
            try:
                device = f"terminal:{pairing.id}"
                answer = await self.station(pairing).sign_in(username, password, device)
            except CallFailedError as error:
                raise web.HTTPServiceUnavailable(reason=error.says) from None
        status = 200 if answer.ok else 429 if answer.reason == "locked" else 403
        return web.json_response({"message": answer.says}, status=status)

    async def _pin(self, request: web.Request) -> web.StreamResponse:
        pairing = self._paired(request)
        pin = doors.text_in(await doors.read_json(request), "pin", 64)
        if not await self.station(pairing).enter_pin(pin):
            raise web.HTTPConflict(reason=_("Please tap your card first."))
        return web.json_response({"ok": True})

    # --- inside ----------------------------------------------------------------------------------

    def _paired(self, request: web.Request) -> Pairing:
        pairing = self.find(request)
        if pairing is None:
            raise web.HTTPUnauthorized(reason=_("This terminal is not paired."))
        return pairing

    def _speaking(self, pairing: Pairing) -> AbstractContextManager[None]:
        account = self._directory.account(pairing.account_id)
        person = self.station(pairing).shown.person
        return reading_as(person.language if person else account.language if account else None)

    def _is_guessing(self, source: str) -> bool:
        now = self._clock.monotonic()
        if len(self._pair_sources) > SOURCES:
            self._pair_sources.clear()
        mine = self._pair_sources.setdefault(source, Flood(5, 1 / 12))
        return mine.is_too_much(now) or self._pair_attempts.is_too_much(now)

    def _audit_refusal(self, source: str, what: str, why: str) -> None:
        self._audit.record(
            "terminal.refused", ok=False, source=source, detail={"what": what, "why": why}
        )


def _job_id(value: object) -> JobId:
    if not isinstance(value, str) or not is_id(value):
        raise web.HTTPBadRequest(reason="This is no job.")
    return JobId(value)
