"""What is wrong with this gateway, in words, with the cure; works while it runs and while not."""

from __future__ import annotations

import json
import os
import queue
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from edge_agent import enrolment
from edge_agent.enrolment import EnrolmentError, Identity
from edge_agent.instance import running_pid
from edge_agent.settings import Settings, SettingsError, read_settings
from edge_agent.sync.replica import Replica
from shared.i18n import gettext, mark
from shared.messages import topics
from shared.messages.enrolment import AUTHORITY_PATH
from shared.messages.records import GatewayRecord, gateway_stream
from shared.mqtt import Connection, Options

_ = gettext
SECONDS: Final = 5.0
BUILT_AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
CLOCKS_MAY_DIFFER: Final = timedelta(minutes=5)
ENDS_SOON: Final = timedelta(days=7)
LOW_BYTES: Final = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    text: str  # a sentence with %(name)s places, so that it can be said in any language
    cure_text: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def says(self) -> str:
        return _(self.text, **self.values)

    @property
    def cure(self) -> str:
        return _(self.cure_text, **self.values) if self.cure_text else ""

    def plain(self) -> dict[str, Any]:
        """Write it for whoever asked, in words and with what they are made of."""
        return {
            "what": self.what, "ok": self.ok, "says": self.says, "cure": self.cure,
            "text": self.text, "cure_text": self.cure_text, "values": dict(self.values),
        }  # fmt: skip


def examine(state_dir: Path) -> list[Finding]:
    """Look at everything that a gateway needs, from its own disk outwards."""
    try:
        settings = read_settings(state_dir)
        identity = enrolment.load(state_dir)
    except (SettingsError, EnrolmentError) as error:
        cure = mark("spoolhouse-agent enrol --code CODE, with a new code from the primary")
        return [_said("enrolment", str(error), cure, ok=False)]
    gateway = {"gateway": settings.gateway_id}
    found = [Finding("enrolment", ok=True, text=mark("gateway %(gateway)s"), values=gateway)]
    found += [_clock(settings, identity), _certificate(identity), _room(state_dir)]
    found += [_runs(state_dir)]
    primary = urlsplit(settings.primary_url)
    found += _server("primary", primary.hostname or "", primary.port or 443, identity)
    found += _server("broker", settings.broker_host, settings.broker_port, identity)
    if all(finding.ok for finding in found if finding.what == "broker"):
        found += _role(state_dir, settings, identity)
    found += _services(state_dir, settings)
    return found


def ask_health(state_dir: Path, settings: Settings) -> dict[str, Any] | None:
    """Ask the running gateway's health page; None where it has none or does not answer."""
    gateway = _configuration(state_dir, settings)
    setting = gateway.services.get("health") if gateway else None
    if setting is None or not setting.enabled or not setting.port:
        return None
    host = "127.0.0.1" if setting.host in ("0.0.0.0", "", "::") else setting.host  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(
            f"http://{shown}:{setting.port}/health.json", timeout=SECONDS
        ) as answer:
            body: Any = json.load(answer)
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None


def _clock(settings: Settings, identity: Identity) -> Finding:
    now = datetime.now(UTC)
    text, values = mark("says %(ours)s UTC"), {"ours": f"{now:%Y-%m-%d %H:%M}"}
    if now < BUILT_AT:
        cure = mark("set the clock; until the line is up, the primary's signed time is used")
        return Finding("clock", ok=False, text=text, cure_text=cure, values=values)
    theirs = _primary_time(settings, identity)
    if theirs is not None and abs(theirs - now) > CLOCKS_MAY_DIFFER:
        text = mark("says %(ours)s UTC; the primary's says %(theirs)s")
        values["theirs"] = f"{theirs:%Y-%m-%d %H:%M}"
        cure = mark("let a time server (NTP) set both clocks")
        return Finding("clock", ok=False, text=text, cure_text=cure, values=values)
    return Finding("clock", ok=True, text=text, values=values)


def _primary_time(settings: Settings, identity: Identity) -> datetime | None:
    """Ask the primary what time it is; None where it does not answer."""
    url = settings.primary_url.rstrip("/") + AUTHORITY_PATH
    try:
        with urllib.request.urlopen(url, timeout=SECONDS, context=identity.tls()) as answer:  # noqa: S310
            return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
    except (OSError, TypeError, ValueError):
        return None


def _certificate(identity: Identity) -> Finding:
    ends, now = identity.expires_at, datetime.now(UTC)
    text, values = mark("valid until %(day)s"), {"day": f"{ends:%Y-%m-%d}"}
    if ends > now + ENDS_SOON:
        return Finding("certificate", ok=True, text=text, values=values)
    cure = mark("it is renewed by itself when the primary is reached; see primary below")
    return Finding("certificate", ok=False, text=text, cure_text=cure, values=values)


def _room(state_dir: Path) -> Finding:
    status = os.statvfs(state_dir)
    free = status.f_bavail * status.f_frsize
    cure = "" if free > LOW_BYTES else mark("make room on this disk")
    text, values = mark("%(free)s MB free"), {"free": free >> 20}
    return Finding("room", ok=free > LOW_BYTES, text=text, cure_text=cure, values=values)


def _runs(state_dir: Path) -> Finding:
    pid = running_pid(state_dir)
    if pid is None:
        text, cure = mark("does not run"), mark("start it: spoolhouse-agent run")
        return Finding("agent", ok=False, text=text, cure_text=cure)
    return Finding("agent", ok=True, text=mark("runs, pid %(pid)s"), values={"pid": pid})


def _server(what: str, host: str, port: int, identity: Identity) -> Iterator[Finding]:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Finding(
            what, ok=False, text=mark("%(host)s has no address: %(why)s"),
            cure_text=mark("make %(host)s known to this machine's name service (DNS)"),
            values={"host": host, "why": str(error.strerror)},
        )  # fmt: skip
        return
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            yield from _handshake(what, host, connection, identity)
    except OSError as error:
        why = error.strerror or str(error)
        cure = mark("let TCP port %(port)s of %(host)s pass the firewall, and see that it runs")
        yield Finding(
            what, ok=False, text=mark("%(host)s:%(port)s cannot be reached: %(why)s"),
            cure_text=cure, values={"host": host, "port": port, "why": why},
        )  # fmt: skip


def _handshake(
    what: str, host: str, connection: socket.socket, identity: Identity
) -> Iterator[Finding]:
    try:
        with identity.tls().wrap_socket(connection, server_hostname=host) as secured:
            values = {"host": host, "version": secured.version() or "TLS"}
            text = mark("%(host)s answers with %(version)s")
            yield Finding(what, ok=True, text=text, values=values)
    except ssl.SSLCertVerificationError as error:
        yield Finding(
            what, ok=False, text=mark("%(host)s shows a certificate we do not believe: %(why)s"),
            cure_text=mark(
                "see that the address belongs to the primary that this gateway was enrolled at"
            ),
            values={"host": host, "why": error.verify_message},
        )  # fmt: skip
    except ssl.SSLError as error:
        yield Finding(
            what, ok=False, text=mark("%(host)s ended the handshake: %(why)s"),
            cure_text=mark("look in the primary whether this gateway was revoked"),
            values={"host": host, "why": str(error.reason)},
        )  # fmt: skip


def _role(state_dir: Path, settings: Settings, identity: Identity) -> Iterator[Finding]:
    """Whether the broker lets us in and gives us our role; asked as the gateway that we are.

    Only while the gateway does not run: two connections of one name throw each other off.
    """
    if running_pid(state_dir) is not None:
        return
    ended: queue.Queue[str] = queue.Queue()
    connection = Connection(
        Options(
            client_id=settings.gateway_id,
            host=settings.broker_host,
            port=settings.broker_port,
            subscriptions=tuple(topics.down(settings.gateway_id, what) for what in topics.Down),
        ),
        identity.tls,
        on_message=lambda _delivery: None,
        on_up=lambda: ended.put(""),
        on_down=ended.put,
    )
    connection.start()
    try:
        trouble = ended.get(timeout=SECONDS)
    except queue.Empty:
        trouble = _("it says nothing")
    finally:
        connection.stop()
    if trouble:
        cure = mark(
            "look in the primary whether this gateway was revoked, and at what spoolhouse doctor "
            "says there of the broker's roles; a revoked gateway is enrolled again with a new code"
        )
        text = mark("the broker does not let us in: %(why)s")
        yield Finding("role", ok=False, text=text, cure_text=cure, values={"why": trouble})
        return
    text = mark("the broker lets us in and gives us what is ours")
    yield Finding("role", ok=True, text=text)


def _services(state_dir: Path, settings: Settings) -> Iterator[Finding]:
    gateway = _configuration(state_dir, settings)
    if gateway is None:
        text, cure = mark("has not come yet"), mark("wait for the first connection to the primary")
        yield Finding("configuration", ok=False, text=text, cure_text=cure)
        return
    yield Finding(
        "configuration", ok=True, text=mark("%(name)s, with %(count)s services"),
        values={"name": gateway.name, "count": len(gateway.services)},
    )  # fmt: skip
    report = ask_health(state_dir, settings)
    link = report.get("link", {}) if report else {}
    if link:
        is_up = bool(link.get("ok"))
        cure = mark("see primary and broker above; printing goes on meanwhile")
        yield _said("line", str(link.get("says")), "" if is_up else cure, ok=is_up)
    services = report.get("services", {}) if report else {}
    for name, health in services.items():
        yield _said(name, str(health.get("says")), ok=bool(health.get("ok")))


def _said(what: str, says: str, cure: str = "", *, ok: bool) -> Finding:
    """What somebody else has said already, as it is."""
    return Finding(what, ok=ok, text="%(says)s", cure_text=cure, values={"says": says})


def _configuration(state_dir: Path, settings: Settings) -> GatewayRecord | None:
    path = state_dir / "replica.db"
    if not path.exists():
        return None
    replica = Replica(path)
    try:
        stream = gateway_stream(settings.gateway_id)
        return replica.find(GatewayRecord, stream, settings.gateway_id)
    finally:
        replica.close()
