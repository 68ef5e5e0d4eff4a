"""What is wrong with this gateway, in words, with the cure; works while it runs and while not."""

from __future__ import annotations

import json
import os
import queue
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
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
from shared.messages import topics
from shared.messages.enrolment import AUTHORITY_PATH
from shared.messages.records import GatewayRecord, gateway_stream
from shared.mqtt import Connection, Options

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
    says: str
    cure: str = ""


def examine(state_dir: Path) -> list[Finding]:
    """Look at everything that a gateway needs, from its own disk outwards."""
    try:
        settings = read_settings(state_dir)
        identity = enrolment.load(state_dir)
    except (SettingsError, EnrolmentError) as error:
        cure = "spoolhouse-agent enrol --code CODE, with a new code from the primary"
        return [Finding("enrolment", ok=False, says=str(error), cure=cure)]
    found = [Finding("enrolment", ok=True, says=f"gateway {settings.gateway_id}")]
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
    says = f"says {now:%Y-%m-%d %H:%M} UTC"
    if now < BUILT_AT:
        cure = "set the clock; until the line is up, the primary's signed time is used"
        return Finding("clock", ok=False, says=says, cure=cure)
    theirs = _primary_time(settings, identity)
    if theirs is not None and abs(theirs - now) > CLOCKS_MAY_DIFFER:
        says = f"{says}; the primary's says {theirs:%Y-%m-%d %H:%M}"
        cure = "let a time server (NTP) set both clocks"
        return Finding("clock", ok=False, says=says, cure=cure)
    return Finding("clock", ok=True, says=says)


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
    says = f"valid until {ends:%Y-%m-%d}"
    if ends > now + ENDS_SOON:
        return Finding("certificate", ok=True, says=says)
    cure = "it is renewed by itself when the primary is reached; see primary below"
    return Finding("certificate", ok=False, says=says, cure=cure)


def _room(state_dir: Path) -> Finding:
    status = os.statvfs(state_dir)
    free = status.f_bavail * status.f_frsize
    cure = "" if free > LOW_BYTES else "make room on this disk"
    return Finding("room", ok=free > LOW_BYTES, says=f"{free >> 20} MB free", cure=cure)


def _runs(state_dir: Path) -> Finding:
    pid = running_pid(state_dir)
    if pid is None:
        return Finding("agent", ok=False, says="does not run", cure="spoolhouse-agent run")
    return Finding("agent", ok=True, says=f"runs, pid {pid}")


def _server(what: str, host: str, port: int, identity: Identity) -> Iterator[Finding]:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        cure = f"make {host} known to this machine's name service"
        yield Finding(what, ok=False, says=f"{host} has no address: {error.strerror}", cure=cure)
        return
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            yield from _handshake(what, host, connection, identity)
    except OSError as error:
        cure = f"let TCP port {port} of {host} pass the firewall, and see that it runs"
        says = f"{host}:{port} cannot be reached: {error.strerror or error}"
        yield Finding(what, ok=False, says=says, cure=cure)


def _handshake(
    what: str, host: str, connection: socket.socket, identity: Identity
) -> Iterator[Finding]:
    try:
        with identity.tls().wrap_socket(connection, server_hostname=host) as secured:
            yield Finding(what, ok=True, says=f"{host} answers with {secured.version()}")
    except ssl.SSLCertVerificationError as error:
        cure = "see that the address belongs to the primary that this gateway was enrolled at"
        says = f"{host} shows a certificate we do not believe: {error.verify_message}"
        yield Finding(what, ok=False, says=says, cure=cure)
    except ssl.SSLError as error:
        says = f"{host} ended the handshake: {error.reason}"
        cure = "look in the primary whether this gateway was revoked"
        yield Finding(what, ok=False, says=says, cure=cure)


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
        trouble = "it says nothing"
    finally:
        connection.stop()
    if trouble:
        cure = (
            "look in the primary whether this gateway was revoked, and at what spoolhouse doctor "
            "says there of the broker's roles; a revoked gateway is enrolled again with a new code"
        )
        yield Finding("role", ok=False, says=f"the broker does not let us in: {trouble}", cure=cure)
        return
    yield Finding("role", ok=True, says="the broker lets us in and gives us what is ours")


def _services(state_dir: Path, settings: Settings) -> Iterator[Finding]:
    gateway = _configuration(state_dir, settings)
    if gateway is None:
        cure = "wait for the first connection to the primary"
        yield Finding("configuration", ok=False, says="has not come yet", cure=cure)
        return
    yield Finding(
        "configuration", ok=True, says=f"{gateway.name}, {len(gateway.services)} services"
    )
    report = ask_health(state_dir, settings)
    link = report.get("link", {}) if report else {}
    if link:
        cure = "" if link.get("ok") else "see primary and broker above; printing goes on meanwhile"
        yield Finding("line", ok=bool(link.get("ok")), says=str(link.get("says")), cure=cure)
    services = report.get("services", {}) if report else {}
    for name, health in services.items():
        yield Finding(name, ok=bool(health.get("ok")), says=str(health.get("says")))


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
