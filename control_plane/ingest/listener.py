"""The primary's end of the link: what gateways say goes to the workers, answers go back.

paho's thread only fills bounded inboxes; the workers take many messages at a time, apply them in
one transaction, commit, and only then answer the gateways and acknowledge to the broker.
"""

from __future__ import annotations

import logging
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from control_plane.broker.config import CONTROL_ANSWERS, MOST_IN_FLIGHT
from control_plane.database import Database
from control_plane.feed.pusher import Pusher
from control_plane.ingest import hello
from control_plane.ingest.inbox import Message
from control_plane.ingest.receiving import Receiver
from control_plane.ingest.worker import Workers
from control_plane.pki.certificates import CertificateFiles
from shared.crypto.signing import Signer
from shared.ids import GatewayId
from shared.messages import topics
from shared.messages.topics import Down
from shared.mqtt import Backoff, Connection, Delivery, Options

log = logging.getLogger(__name__)

# Threads that apply what is told. SQLite lets one write at a time.
_WORKERS: Final = {"postgresql": 2}
_BACKOFF: Final = Backoff(first_seconds=0.2, unreachable_cap_seconds=1.0, refused_cap_seconds=5.0)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How this process of the primary reaches its broker."""

    port: int
    name: str  # as in its certificate
    certificate: CertificateFiles
    authority: Path
    host: str = "127.0.0.1"
    hears_control: bool = True  # whether the broker answers us on its control topic
    # All primaries of a database are in one group, which nobody can join who cannot name it.
    group: str = field(default_factory=lambda: secrets.token_hex(16))


class Listener:
    """Connection, workers and pusher of one process."""

    def __init__(
        self,
        settings: LinkSettings,
        database: Database,
        signer: Signer,
        *,
        trusted: tuple[bytes, ...] = (),
        on_up: Callable[[], None] = lambda: None,
        on_control: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._signer = signer
        self._on_up = on_up
        self._on_control = on_control
        self._stopping = threading.Event()
        self.pusher = Pusher(database, self.say, settings.name, self._greet)
        self.receiver = Receiver(database, self.say, self.pusher, settings.name, trusted)
        count = _WORKERS.get(database.engine.dialect.name, 1)
        self.workers = Workers(self.receiver.process, count)
        self._connection = Connection(
            Options(
                client_id=settings.name,
                host=settings.host,
                port=settings.port,
                subscriptions=_subscriptions(settings),
                receive_maximum=MOST_IN_FLIGHT,
            ),
            self._tls,
            on_message=self._on_message,
            on_up=self._came_up,
            on_down=self._went_down,
            backoff=_BACKOFF,
        )

    def start(self) -> None:
        self.pusher.start()
        self.workers.start()
        self._connection.start()

    def stop(self) -> None:
        self._stopping.set()
        self._connection.stop()
        self.workers.stop()
        self.pusher.stop()

    @property
    def is_up(self) -> bool:
        return self._connection.is_up

    def say(self, gateway_id: GatewayId, what: Down, message: Any) -> bool:
        """Sign a message for a gateway and send it; False where there is no connection."""
        topic = topics.down(gateway_id, what)
        return self._connection.publish(topic, self._signer.sign(topic, message))

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send to the broker itself: its control topic."""
        return self._connection.publish(topic, payload)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self._settings.authority)
        files = self._settings.certificate
        context.load_cert_chain(files.certificate, files.key)
        return context

    def _came_up(self) -> None:
        log.info("connected to the broker")
        self._on_up()

    def _greet(self, gateway_id: GatewayId) -> None:
        """Tell a gateway what there is to have; it asks for what it lacks."""
        with self._database.reading() as session:
            answer = hello.beat(session, gateway_id)
        self.say(gateway_id, Down.HELLO, answer)

    def _went_down(self, says: str) -> None:
        if not self._stopping.is_set():
            log.warning("the broker is away: %s", says)
        self.pusher.offline()

    def _on_message(self, delivery: Delivery) -> None:
        read = topics.read_up(delivery.topic)
        if read is None:
            if delivery.topic == CONTROL_ANSWERS:
                self._on_control(delivery.payload)
            delivery.done()
            return
        if not self.workers.put(Message(*read, delivery)):
            # The gateway hears nothing of it, and sends it again.
            log.warning("too many messages wait; one of gateway %s was left out", read[0])
            delivery.done()


def _subscriptions(settings: LinkSettings) -> tuple[str, ...]:
    ours = (topics.every_up(settings.group),)
    return (*ours, CONTROL_ANSWERS) if settings.hears_control else ours
