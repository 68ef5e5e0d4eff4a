"""The primary's end of the link: what gateways say goes into the database, answers go back.

paho's thread only fills a bounded queue; one worker takes many messages at a time, applies them in
one transaction, commits, and only then answers the gateways and acknowledges to the broker.
"""

from __future__ import annotations

import logging
import queue
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from control_plane.broker.config import CONTROL_ANSWERS
from control_plane.database import Database
from control_plane.feed.pusher import Pusher
from control_plane.gateways import service as gateways
from control_plane.ingest import facts, hello
from control_plane.pki.certificates import CertificateFiles
from shared.crypto.signing import Signer
from shared.ids import GatewayId
from shared.messages import codec, envelope, topics
from shared.messages.codec import MessageError
from shared.messages.feed import FeedAsk
from shared.messages.hello import Hello, Presence, PresenceState
from shared.messages.topics import Down, Up
from shared.mqtt import Backoff, Connection, Delivery, Options

log = logging.getLogger(__name__)

_RECEIVE_MAXIMUM: Final = 500
_AT_ONCE: Final = 100  # messages in one transaction
_MAX_WAITING: Final = 5_000
_RETRY_SECONDS: Final = 1.0
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


@dataclass(frozen=True, slots=True)
class _Message:
    gateway_id: GatewayId
    what: Up
    delivery: Delivery


class Listener:
    """Connection, worker and pusher of one process."""

    def __init__(
        self,
        settings: LinkSettings,
        database: Database,
        signer: Signer,
        *,
        on_up: Callable[[], None] = lambda: None,
        on_control: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._signer = signer
        self._on_up = on_up
        self._on_control = on_control
        self._inbox: queue.Queue[_Message] = queue.Queue(_MAX_WAITING)
        self._stopping = threading.Event()
        self._worker = threading.Thread(target=self._run, name="ingest", daemon=True)
        self.pusher = Pusher(database, self.say, settings.name, self._greet)
        self._connection = Connection(
            Options(
                client_id=settings.name,
                host=settings.host,
                port=settings.port,
                subscriptions=_subscriptions(settings),
                receive_maximum=_RECEIVE_MAXIMUM,
            ),
            self._tls,
            on_message=self._on_message,
            on_up=self._came_up,
            on_down=self._went_down,
            backoff=_BACKOFF,
        )

    def start(self) -> None:
        self.pusher.start()
        self._worker.start()
        self._connection.start()

    def stop(self) -> None:
        self._stopping.set()
        self._connection.stop()
        self._worker.join(10)
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
        try:
            self._inbox.put_nowait(_Message(*read, delivery))
        except queue.Full:
            # Not acknowledged: the gateway sends it again.
            log.warning("too many messages wait; one of gateway %s was left out", read[0])

    def _run(self) -> None:
        while not self._stopping.is_set():
            messages = self._take()
            if not messages:
                continue
            try:
                self._process(messages)
            except SQLAlchemyError as error:
                log.warning("ingest: the database does not take it, trying again: %s", error)
                self._one_by_one(messages)
            except Exception:
                log.exception("ingest")
                self._one_by_one(messages)

    def _take(self) -> list[_Message]:
        try:
            messages = [self._inbox.get(timeout=0.2)]
        except queue.Empty:
            return []
        while len(messages) < _AT_ONCE:
            try:
                messages.append(self._inbox.get_nowait())
            except queue.Empty:
                break
        # Two primaries lock the marks of two gateways in the same order.
        return sorted(messages, key=lambda message: message.gateway_id)

    def _one_by_one(self, messages: list[_Message]) -> None:
        """Find the message that the others need not wait for."""
        for message in messages:
            try:
                self._process([message])
            except SQLAlchemyError as error:
                # Not acknowledged above: the gateway sends it again.
                log.warning("ingest: gateway %s: %s", message.gateway_id, error)
                message.delivery.done()
                self._stopping.wait(_RETRY_SECONDS)
            except Exception:
                log.exception("ingest: gateway %s, %s", message.gateway_id, message.what)
                message.delivery.done()

    def _process(self, messages: list[_Message]) -> None:
        answers: list[Callable[[], Any]] = []
        begun = time.monotonic()
        with self._database.writing() as session:
            for message in messages:
                answers += self._apply(session, message)
        for answer in answers:
            answer()
        for message in messages:
            message.delivery.done()
        log.debug("%d messages in %.3f s", len(messages), time.monotonic() - begun)

    def _apply(self, session: Session, message: _Message) -> list[Callable[[], Any]]:
        """Apply one message; returns what to say after the commit."""
        gateway_id = message.gateway_id
        gateway = gateways.find_by_id(session, gateway_id)
        if gateway is None or gateway.enrolled_at is None or gateway.revoked_at is not None:
            return []
        try:
            if message.what in (Up.FACTS, Up.TELEMETRY):
                return self._apply_facts(session, gateway_id, message.delivery.payload)
            plain = codec.loads(envelope.unpack(message.delivery.payload))
            if message.what is Up.HELLO:
                return self._apply_hello(session, gateway_id, plain)
            if message.what is Up.PRESENCE:
                return self._apply_presence(session, gateway_id, plain)
            ask = codec.from_plain(FeedAsk, plain)
        except MessageError as error:
            log.warning("gateway %s says on %s what is not readable: %s",
                        gateway_id, message.what.value, error)  # fmt: skip
            return []
        return [lambda: self.pusher.asked(gateway_id, ask)]

    def _apply_facts(
        self, session: Session, gateway_id: GatewayId, payload: bytes
    ) -> list[Callable[[], Any]]:
        batch = envelope.decode_batch(payload)
        if hello.find_halt(session, gateway_id) is not None:
            return []
        ack = facts.receive(session, gateway_id, batch)
        return [lambda: self.say(gateway_id, Down.ACK, ack)]

    def _apply_hello(
        self, session: Session, gateway_id: GatewayId, plain: Any
    ) -> list[Callable[[], Any]]:
        said = codec.from_plain(Hello, plain)
        greeting = hello.answer(session, gateway_id, said)
        gateways.set_pusher(session, gateway_id, self._settings.name)
        after: list[Callable[[], Any]] = [lambda: self.say(gateway_id, Down.HELLO, greeting.answer)]
        if not greeting.is_halted:
            after.append(lambda: self.pusher.online(gateway_id, said.streams))
        return after

    def _apply_presence(
        self, session: Session, gateway_id: GatewayId, plain: Any
    ) -> list[Callable[[], Any]]:
        said = codec.from_plain(Presence, plain)
        believed = hello.on_presence(session, gateway_id, said)
        if said.state is PresenceState.GONE:
            return [lambda: self.pusher.offline(gateway_id)] if believed else []
        answer = hello.beat(session, gateway_id)
        return [lambda: self.say(gateway_id, Down.HELLO, answer)]


def _subscriptions(settings: LinkSettings) -> tuple[str, ...]:
    ours = (topics.every_up(settings.group),)
    return (*ours, CONTROL_ANSWERS) if settings.hears_control else ours
