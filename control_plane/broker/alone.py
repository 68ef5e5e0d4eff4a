"""``spoolhouse broker``: a broker on its own, for primaries that come and go.

It needs the database, to know who may connect, and the authority's key, to show a certificate and
to sign the revocation list; it knows no other secret.
"""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import Final

from control_plane.broker.broker import Broker, BrokerSettings
from control_plane.broker.config import CONTROL_ANSWERS
from control_plane.broker.roles import DatabaseAdmission, RoleKeeper
from control_plane.database import Database, utc_now
from control_plane.pki import certificates, keys
from control_plane.pki.certificates import CertificateFiles
from control_plane.primaries import service as primaries
from control_plane.primaries.attendance import Attendance
from shared.mqtt import Backoff, Connection, Delivery, Options

log = logging.getLogger(__name__)

KIND: Final = "broker"
_LOOK_SECONDS: Final = 0.5
_BACKOFF: Final = Backoff(first_seconds=0.2, unreachable_cap_seconds=1.0, refused_cap_seconds=5.0)


class BrokerAlone:
    """Mosquitto, and a keeper of its roles that is connected to it."""

    def __init__(self, settings: BrokerSettings, database: Database, keys_folder: Path) -> None:
        self._settings = settings
        self._database = database
        self._authority = keys.open_authority(keys_folder)
        self._name = primaries.new_name(KIND)
        admission = DatabaseAdmission(database)
        self._broker = Broker(settings, self._authority, admission)
        self._attendance = Attendance(database, self._name, KIND)
        self._roles = RoleKeeper(admission, self._publish, self._broker.revoke, self._name)
        self._connection: Connection | None = None
        self._stopping = threading.Event()

    def start(self) -> int:
        """Start it; returns the port where gateways and primaries come.

        Raises:
            BrokerError: The broker does not start.
            ForeignKeysError: The authority here is not the one of this database.
        """
        with self._database.writing() as session:
            primaries.check_authority(session, self._authority.pem)
        self._attendance.start()
        self._broker.start()
        certificate = certificates.for_process(
            self._authority, self._settings.folder, self._name, utc_now(), file_name="keeper"
        )
        self._connection = Connection(
            Options(self._name, "127.0.0.1", self._broker.listeners.own_port, (CONTROL_ANSWERS,)),
            lambda: self._tls(certificate),
            on_message=self._on_message,
            on_up=self._roles.begin_anew,
            on_down=lambda says: log.info("the keeper of roles is cut off: %s", says),
            backoff=_BACKOFF,
        )
        self._connection.start()
        self._roles.start()
        return self._broker.listeners.port

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def wait(self) -> bool:
        """Wait until somebody asks us to end (True), or a part of us dies (False)."""
        while not self._stopping.wait(_LOOK_SECONDS):
            alive = {thread.name for thread in threading.enumerate()}
            if not {"broker", "broker roles", "attendance", "mqtt"} <= alive:
                log.critical("a part of the broker's keeper died; it ends to be started again")
                return False
        return True

    def stop(self) -> None:
        self._roles.stop()
        if self._connection is not None:
            self._connection.stop()
        self._attendance.stop()
        self._broker.stop()

    def _tls(self, files: CertificateFiles) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._authority.pem.decode())
        context.load_cert_chain(files.certificate, files.key)
        return context

    def _on_message(self, delivery: Delivery) -> None:
        self._roles.on_answer(delivery.payload)
        delivery.done()

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self._connection is not None and self._connection.publish(topic, payload)
