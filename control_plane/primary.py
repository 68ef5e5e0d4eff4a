"""One process with everything: web, broker, ingest, feed, schedules.

It ends within five seconds when asked to, and by itself when an essential part of it dies:
whoever supervises it then starts a whole one again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control_plane import link, schedule, schema
from control_plane.app import create_app
from control_plane.database import Database, utc_now
from control_plane.domains.hosts import HostCertificates
from control_plane.link import Elsewhere, Link
from control_plane.pki import certificates
from control_plane.pki.keys import KeyRing
from control_plane.primaries import service as primaries
from control_plane.request import Parts
from control_plane.security.rates import Rates
from control_plane.settings import Settings, parse_listen
from control_plane.setup import service as setup
from control_plane.vault import Vault
from control_plane.webserver import WebServer

log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 4.5
_LOOK_SECONDS: Final = 0.5


class StartError(Exception):
    """The primary cannot start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running primary is reached."""

    web_port: int
    broker_port: int


class Primary:
    """The parts, started in order and stopped in the opposite one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = hold_state(settings.state)
        self.database = Database(settings.database_url, pool=settings.database_pool)
        schema.prepare(self.database)
        self.keys = KeyRing.open_or_create(settings.keys)
        self.vault = Vault.open_or_create(settings.keys)
        self.link = Link(_link_settings(settings), self.database, self.keys, self.vault)
        self._schedule = schedule.create(self.database, self.link.name)
        self._web: WebServer | None = None
        self._stopping = threading.Event()
        self.failed = False

    def start(self) -> Addresses:
        """Start everything.

        Raises:
            StartError: The web port is taken.
            BrokerError: The broker does not start.
        """
        self.link.start()
        settings = self._settings
        names = ("localhost", "*.localhost", "127.0.0.1", settings.public_host, *settings.names)
        files = certificates.for_listener(
            self.keys.authority,
            settings.keys,
            "web",
            _names_for_certificate((*names, settings.listen_host)),
            utc_now(),
        )
        parts = Parts(
            settings=settings,
            database=self.database,
            vault=self.vault,
            keys=self.keys,
            broker_address=self.link.address,
            admission_changed=self.link.wake,
            rates=Rates(sharers=self._count_sharers),
        )
        app = create_app(settings, parts)
        hosts = HostCertificates(
            self.database, self.vault, self.keys.authority, settings.keys, settings.own_names
        )
        self._web = WebServer(
            settings.listen_host,
            settings.listen_port,
            app,
            files,
            find_certificate=hosts.find,
        )
        try:
            self._web.start()
        except OSError as error:
            where = f"{settings.listen_host}:{settings.listen_port}"
            raise StartError(f"cannot listen on {where}: {error.strerror or error}") from None
        # Files are each primary's own, so each of them does this.
        self._schedule.add_job(hosts.forget_gone, "interval", minutes=10, id="forget hosts")
        self._schedule.start()
        return Addresses(self._web.port, self.link.address()[1])

    def wait(self) -> None:
        """Wait until somebody asks us to end, or a part of us dies."""
        while not self._stopping.wait(_LOOK_SECONDS):
            dead = self._find_dead()
            if dead:
                log.critical("%s died; the primary ends to be started again", dead)
                self.failed = True
                return

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def stop(self) -> None:
        """End all parts; what hangs is left behind, since the process ends with us."""
        guard = threading.Timer(_STOP_SECONDS, os._exit, [1])
        guard.daemon = True
        guard.start()
        if self._schedule.running:
            self._schedule.shutdown(wait=False)
        if self._web is not None:
            self._web.stop()
        self.link.stop()
        self.database.close()
        os.close(self._lock)
        guard.cancel()

    def setup_token(self) -> str | None:
        """A token for the first run's page; None where somebody is there already."""
        with self.database.writing() as session:
            return setup.create_token(session) if setup.is_open(session) else None

    def _count_sharers(self) -> int:
        """Among how many primaries the limits of API keys are divided."""
        with self.database.reading() as session:
            return primaries.count_serving(session)

    def _find_dead(self) -> str | None:
        alive = {thread.name for thread in threading.enumerate() if thread.is_alive()}
        if self._web is None or not self._web.is_alive:
            return "the web server"
        missing = sorted(self.link.threads - alive)
        return f"the thread {missing[0]!r}" if missing else None


def run(settings: Settings, on_ready: Callable[[Primary, Addresses], None]) -> int:
    """Run until a signal; returns the exit code.

    Raises:
        StartError: It cannot start.
        BrokerError: The broker does not start.
        SchemaError: The database does not fit.
    """
    primary = Primary(settings)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: primary.ask_to_stop())
    try:
        addresses = primary.start()
        on_ready(primary, addresses)
        primary.wait()
    finally:
        primary.stop()
    return 1 if primary.failed else 0


def hold_state(state: Path) -> int:
    """Hold the state directory: two primaries in one would be one too many.

    Raises:
        StartError: Another one runs there.
    """
    descriptor = os.open(state / "primary.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StartError(f"another primary runs in {state}") from None
    return descriptor


def _link_settings(settings: Settings) -> link.Settings:
    return link.Settings(
        folder=settings.broker,
        host=settings.broker_host,
        port=settings.broker_port,
        public_host=settings.public_host,
        names=settings.names,
        elsewhere=_elsewhere(settings),
    )


def _elsewhere(settings: Settings) -> Elsewhere | None:
    if not settings.broker_address:
        return None
    host, port = parse_listen("broker_address", settings.broker_address)
    return Elsewhere(
        host=host,
        port=port,
        authority=Path(settings.broker_ca) if settings.broker_ca else None,
        keeps_roles=settings.broker_roles == "keep",
        name=settings.broker_name,
    )


def _names_for_certificate(names: tuple[str, ...]) -> list[str]:
    anywhere = {"0.0.0.0", "::", ""}  # noqa: S104
    return [name for name in dict.fromkeys(names) if name not in anywhere]
