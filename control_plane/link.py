"""The primary's whole end of the link in one part: broker, roles, ingest and feed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from control_plane import vault as vaults
from control_plane.broker.broker import Broker, BrokerSettings
from control_plane.broker.roles import DatabaseAdmission, RoleKeeper
from control_plane.database import Database, utc_now
from control_plane.ingest.listener import LinkSettings, Listener
from control_plane.pki import certificates
from control_plane.pki.certificates import CertificateFiles
from control_plane.pki.keys import KeyRing, write_private
from control_plane.primaries import service as primaries
from control_plane.primaries.attendance import Attendance
from control_plane.vault import Vault
from shared.ids import GatewayId

KIND: Final = "primary"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A broker that somebody else runs."""

    host: str
    port: int
    authority: Path | None = None  # whose certificate it shows; None: our own authority
    keeps_roles: bool = True  # whether we tell it who may what, on its control topic
    name: str = ""  # the name it knows us by; none: a new one at each start


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the broker listens, and under which names gateways come to it."""

    folder: Path  # <state>/broker
    host: str
    port: int  # 0: choose a free one
    public_host: str
    names: tuple[str, ...] = ()
    elsewhere: Elsewhere | None = field(default=None)


class Link:
    """Started and stopped with the primary."""

    def __init__(self, settings: Settings, database: Database, keys: KeyRing, vault: Vault) -> None:
        self._settings, self._database = settings, database
        self._keys, self._vault = keys, vault
        vaults.keep(database, vault)
        # Two processes with one certificate would throw each other off.
        given = settings.elsewhere.name if settings.elsewhere is not None else ""
        self.name = given or primaries.new_name(KIND)
        self._admission = DatabaseAdmission(database)
        self._broker = self._make_broker() if settings.elsewhere is None else None
        self._attendance: Attendance | None = None
        self.listener: Listener | None = None
        self.roles = RoleKeeper(self._admission, self._publish, self._revoke, self.name)

    @property
    def broker(self) -> Broker:
        """The broker that we run ourselves."""
        assert self._broker is not None, "the broker is run elsewhere"
        return self._broker

    def start(self) -> None:
        """Start everything; returns when our own broker answers.

        Raises:
            BrokerError: The broker does not start.
            ForeignKeysError: The keys are not those of this database.
        """
        with self._database.writing() as session:
            group = primaries.join(session, self._keys, self._vault).share_group
        self._attendance = Attendance(
            self._database, self.name, KIND, serves=lambda: self.is_up, on_taken=self._take
        )
        self._attendance.start()
        if self._broker is not None:
            self._broker.start()
        self.listener = Listener(
            self._link_settings(group),
            self._database,
            self._keys.signer,
            trusted=self._keys.trusted,
            on_up=self._came_up,
            on_control=self.roles.on_answer,
        )
        self.listener.start()
        if self._keeps_roles:
            self.roles.start()

    def stop(self) -> None:
        if self._keeps_roles and self.listener is not None:
            self.roles.stop()
        if self.listener is not None:
            self.listener.stop()
        if self._attendance is not None:
            self._attendance.stop()
        if self._broker is not None:
            self._broker.stop()

    def wait_until_up(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until we are connected to the broker; blocks."""
        deadline = time.monotonic() + timeout_seconds
        while not self.is_up and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.is_up

    @property
    def is_up(self) -> bool:
        return self.listener is not None and self.listener.is_up

    @property
    def threads(self) -> frozenset[str]:
        """Name the threads without which there is no link."""
        own = {"broker"} if self._broker is not None else set()
        kept = {"broker roles"} if self._keeps_roles else set()
        ingest = self.listener.workers.names if self.listener is not None else {"ingest 1"}
        return frozenset({"feed pusher", "attendance", *ingest, *own, *kept})

    def address(self) -> tuple[str, int]:
        """Where gateways come: the host and port of the broker."""
        elsewhere = self._settings.elsewhere
        if elsewhere is not None:
            return elsewhere.host, elsewhere.port
        return self._settings.public_host, self.broker.listeners.port

    def wake(self) -> None:
        """A gateway was enrolled or revoked by this process: tell the broker now."""
        self.roles.wake()

    @property
    def _keeps_roles(self) -> bool:
        return self._settings.elsewhere is None or self._settings.elsewhere.keeps_roles

    def _make_broker(self) -> Broker:
        settings = self._settings
        names = tuple(dict.fromkeys([settings.public_host, settings.host, *settings.names]))
        wanted = BrokerSettings(settings.folder, settings.host, settings.port, _certifiable(names))
        return Broker(wanted, self._keys.authority, self._admission)

    def _link_settings(self, group: str) -> LinkSettings:
        folder = self._settings.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = folder / "ca.pem"
        write_private(authority, self._keys.authority.pem)
        elsewhere = self._settings.elsewhere
        if elsewhere is None:
            port = self.broker.listeners.own_port
            return LinkSettings(port, self.name, self._certificate(), authority, group=group)
        return LinkSettings(
            elsewhere.port,
            self.name,
            self._certificate(),
            elsewhere.authority or authority,
            host=elsewhere.host,
            hears_control=elsewhere.keeps_roles,
            group=group,
        )

    def _certificate(self) -> CertificateFiles:
        # One name for all processes' files: what an ended process left is written over.
        return certificates.for_process(
            self._keys.authority, self._settings.folder, self.name, utc_now(), file_name=KIND
        )

    def _came_up(self) -> None:
        self.roles.begin_anew()

    def _take(self, ids: Iterable[GatewayId]) -> None:
        if self.listener is not None:
            self.listener.pusher.taken(ids)

    def _revoke(self) -> None:
        """Have the broker read the revocation list; one that is run elsewhere has a keeper."""
        if self._broker is not None:
            self._broker.revoke()

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self.listener is not None and self.listener.publish(topic, payload)


def _certifiable(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in {"0.0.0.0", "::", ""})  # noqa: S104
