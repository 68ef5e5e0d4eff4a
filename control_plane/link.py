"""The primary's whole end of the link in one part: broker, roles, ingest and feed."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from control_plane.broker.broker import Broker, BrokerSettings
from control_plane.broker.roles import DatabaseAdmission, RoleKeeper
from control_plane.database import Database, utc_now
from control_plane.ingest.listener import LinkSettings, Listener
from control_plane.pki import certificates
from control_plane.pki.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the broker listens, and under which names gateways come to it."""

    folder: Path  # <state>/broker
    host: str
    port: int  # 0: choose a free one
    public_host: str
    names: tuple[str, ...] = ()


class Link:
    """Started and stopped with the primary."""

    def __init__(self, settings: Settings, database: Database, keys: KeyRing) -> None:
        self._settings = settings
        # Two processes with one certificate would throw each other off.
        name = f"primary-{secrets.token_hex(8)}"
        names = tuple(dict.fromkeys([settings.public_host, settings.host, *settings.names]))
        admission = DatabaseAdmission(database)
        self.broker = Broker(
            BrokerSettings(
                settings.folder, settings.host, settings.port, _certifiable(names), (name,)
            ),
            keys.authority,
            admission,
            on_restart=self._on_broker_restart,
        )
        self._name, self._database, self._keys = name, database, keys
        self.listener: Listener | None = None
        self.roles = RoleKeeper(admission, self._publish, self.broker.revoke)

    def start(self) -> None:
        """Start everything; returns when the broker answers.

        Raises:
            BrokerError: The broker does not start.
        """
        self.broker.start()
        folder = self._settings.folder
        # One name for all processes' files: what an ended process left is written over.
        issued = certificates.for_process(
            self._keys.authority, folder, self._name, utc_now(), file_name="primary"
        )
        self.listener = Listener(
            LinkSettings(self.broker.listeners.own_port, self._name, issued, folder / "ca.pem"),
            self._database,
            self._keys.signer,
            on_up=self.roles.wake,
        )
        self.listener.start()
        self.roles.start()

    def stop(self) -> None:
        self.roles.stop()
        if self.listener is not None:
            self.listener.stop()
        self.broker.stop()

    def wait_until_up(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until we are connected to our own broker; blocks."""
        deadline = time.monotonic() + timeout_seconds
        while not self.is_up and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.is_up

    @property
    def is_up(self) -> bool:
        return self.listener is not None and self.listener.is_up

    def address(self) -> tuple[str, int]:
        """Where gateways come: the host and port of the broker."""
        return self._settings.public_host, self.broker.listeners.port

    def wake(self) -> None:
        """A gateway was enrolled or revoked by this process: tell the broker now."""
        self.roles.wake()

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self.listener is not None and self.listener.publish(topic, payload)

    def _on_broker_restart(self) -> None:
        self.roles.begin_anew()


def _certifiable(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in {"0.0.0.0", "::", ""})  # noqa: S104
