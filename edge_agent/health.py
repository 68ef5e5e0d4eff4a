"""Is it well? The health page, for people at ``/`` and for machines at ``/health.json``."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from edge_agent.identity.directory import Directory
from edge_agent.intake.hosts import is_loopback
from edge_agent.offline import Act
from edge_agent.service import Health
from edge_agent.terminal import doors
from shared.clock import Clock, to_wire
from shared.i18n import current_language, format_bytes, format_duration, format_moment
from shared.i18n import gettext as _
from shared.messages.records import ServiceSetting

STYLE: Final = """
body{margin:0;font:17px/1.5 Inter,system-ui,sans-serif;background:#f4f7f6;color:#10211e}
main{max-width:760px;margin:0 auto;padding:32px 24px}h1{font-size:26px;margin:0 0 4px}
p.as-of{color:#4c635e;margin:0 0 24px}section{background:#fff;border:1px solid #d8e2df;
border-radius:10px;padding:6px 20px 14px;margin:0 0 16px}h2{font-size:18px;margin:12px 0 6px}
dl{display:grid;grid-template-columns:200px 1fr;gap:4px 16px;margin:0}dt{color:#4c635e}
dd{margin:0}.trouble{color:#a3260f;font-weight:600}
"""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page says, as of one moment."""

    as_of: datetime
    gateway: str
    link: Health
    services: dict[str, Health]
    errors: dict[str, str]
    queue: dict[str, int | str]
    free_bytes: int
    has_room: bool
    knowledge: dict[str, timedelta | None] = field(default_factory=dict)  # by account name
    acts: Sequence[Act] = ()  # what would work if the line were cut

    @property
    def is_ok(self) -> bool:
        return self.has_room and not self.errors and all(s.ok for s in self.services.values())

    def headline(self) -> str:
        """Say the truth in one line."""
        troubles = [n for n, health in self.services.items() if not health.ok]
        troubles += [name for name in self.errors if name not in troubles]
        if not self.services and not troubles:
            return _("This gateway waits for its configuration.")
        if not self.has_room:
            return _("The disk is full: no new jobs are taken. What is here can be printed.")
        if troubles:
            named = ", ".join(name_of(name) for name in sorted(troubles))
            return _("Needs a person: %(what)s.", what=named)
        if not self.link.ok:
            return _("Everything works here. The line to the primary is cut.")
        return _("Everything works.")

    def to_strangers(self) -> dict[str, Any]:
        """Say to the rest of the network no more than whether somebody should come."""
        return {"as_of": to_wire(self.as_of), "ok": self.is_ok, "says": self.headline()}

    def to_json(self) -> dict[str, Any]:
        return {
            "as_of": to_wire(self.as_of),
            "gateway": self.gateway,
            "ok": self.is_ok,
            "says": self.headline(),
            "link": _health_json(self.link),
            "services": {name: _health_json(health) for name, health in self.services.items()},
            "errors": self.errors,
            "queue": self.queue,
            "spool": {"free_bytes": self.free_bytes, "has_room": self.has_room},
            "knowledge_age_seconds": {
                name: None if age is None else int(age.total_seconds())
                for name, age in self.knowledge.items()
            },
            "if_the_line_were_cut": {
                act.name: {"works": act.works, "says": act.says} for act in self.acts
            },
        }


class HealthPage:
    """The Health service."""

    name = "health"

    def __init__(
        self,
        setting: ServiceSetting,
        *,
        report: Callable[[], Report],
        directory: Directory,
        clock: Clock,
        host_names: Callable[[], Collection[str]],
    ) -> None:
        self._setting = setting
        self._report = report
        self._directory = directory
        self._clock = clock
        self._host_names = host_names
        self._runner: web.AppRunner | None = None
        self.port: int | None = None

    async def start(self) -> None:
        app = web.Application(
            middlewares=[doors.guard(self._host_names)], client_max_size=doors.MAX_BODY
        )
        routes = [
            web.get("/", self._page),
            web.get("/health.json", self._json),
            web.get("/health.css", self._style),
        ]
        app.add_routes(routes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._setting.host, self._setting.port or 0).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def health(self) -> Health:
        if self._runner is None:
            return Health(ok=False, says=_("The health page is not served."))
        return Health(ok=True, says=_("The health page is served."))

    async def _json(self, request: web.Request) -> web.StreamResponse:
        # It answers, so the status is 200: a reader without power is no reason to restart us.
        report = self._report()
        told = report.to_json() if _is_from_here(request) else report.to_strangers()
        body = json.dumps(told, ensure_ascii=False, indent=1)
        return web.Response(text=body, content_type="application/json")

    async def _style(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=STYLE, content_type="text/css")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        whole = _is_from_here(request)
        page = page_of(self._report(), current_language(), whole=whole)
        return web.Response(text=page, content_type="text/html")


def _is_from_here(request: web.Request) -> bool:
    """Whether the one who asks sits at this machine; names of accounts are for them alone."""
    transport = request.transport
    if transport is None or request.remote is None:
        return False
    own = str(transport.get_extra_info("sockname", ("",))[0])
    return request.remote == own or is_loopback(request.remote)


def page_of(report: Report, language: str = "en", *, whole: bool = True) -> str:
    """Write the page; every text in it is escaped. Without ``whole`` it is its first lines."""
    as_of = format_moment(report.as_of, report.as_of)
    room = _("%(free)s free", free=format_bytes(report.free_bytes))
    if not report.has_room:
        room = _("%(free)s free: too little for new jobs", free=format_bytes(report.free_bytes))
    knowledge = {
        name: _("%(age)s old", age=format_duration(age.total_seconds())) if age is not None
        else _("nothing has come yet")
        for name, age in report.knowledge.items()
    }  # fmt: skip
    sections = [
        _section(_("The line"), {_("Primary"): (report.link.says, report.link.ok)}),
        _section(_("Services"), {name_of(n): (h.says, h.ok) for n, h in report.services.items()}),
        _section(_("Not as configured"), {n: (says, False) for n, says in report.errors.items()}),
        _section(
            _("If the line were cut now"),
            {act.name: (act.says, act.works) for act in report.acts},
        ),
        _section(_("What this gateway knows"), {n: (says, True) for n, says in knowledge.items()}),
        _section(_("Jobs"), _jobs(report.queue)),
        _section(_("Room"), {_("Documents"): (room, report.has_room)}),
    ]
    if not whole:
        sections = []
    title = html.escape(report.gateway if whole else _("Spoolhouse gateway"))
    return (
        f'<!doctype html><html lang="{html.escape(language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="10"><title>{title}</title>'
        '<link rel="stylesheet" href="/health.css"></head><body><main>'
        f"<h1>{html.escape(report.headline())}</h1>"
        f'<p class="as-of">{title} · {html.escape(_("as of %(when)s", when=as_of))}</p>'
        f"{''.join(sections)}</main></body></html>"
    )


def name_of(service: str) -> str:
    """Name a service as people do."""
    names = {
        "storage": _("Documents"),
        "authentication": _("Sign-in"),
        "document-output": _("Printing"),
        "health": _("This page"),
        "ipp": _("IPP"),
        "lpd": _("LPD"),
        "raw": _("Raw ports"),
        "api": _("Uploads"),
        "terminal-client": _("Terminals"),
        "card-readers": _("Card readers"),
    }
    return names.get(service, service)


def _jobs(queue: dict[str, int | str]) -> dict[str, tuple[str, bool]]:
    named = {
        "active_jobs": _("Kept here"),
        "jobs_on_their_way": _("On their way to a printer"),
        "to_count": _("Pages still to be counted"),
    }
    return {says: (str(queue[name]), True) for name, says in named.items() if name in queue}


def _section(title: str, rows: dict[str, tuple[str, bool]]) -> str:
    if not rows:
        return ""
    items = "".join(
        f"<dt>{html.escape(name)}</dt><dd{'' if ok else _TROUBLE}>{html.escape(says)}</dd>"
        for name, (says, ok) in rows.items()
    )
    return f"<section><h2>{html.escape(title)}</h2><dl>{items}</dl></section>"


_TROUBLE: Final = ' class="trouble"'


def _health_json(health: Health) -> dict[str, Any]:
    return {"ok": health.ok, "says": health.says, "figures": dict(health.figures)}
