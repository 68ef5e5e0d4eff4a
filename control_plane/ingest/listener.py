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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from control_plane.broker.config import CONTROL_ANSWERS
from control_plane.database import Database
from control_plane.feed.pusher import Pusher
from control_plane.gateways import service as gateways
from control_plane.ingest import facts, hello
from control_plane.ingest.hello import Reception
from control_plane.pki.certificates import CertificateFiles
from shared.crypto.signing import Signer
from shared.ids import GatewayId
from shared.messages import codec, envelope, topics
from shared.messages.codec import MessageError
from shared.messages.feed import FeedAsk
from shared.messages.hello import Ack, Hello, Presence, PresenceState
from shared.messages.topics import Down, Up
from shared.mqtt import Backoff, Connection, Delivery, Options

log = logging.getLogger(__name__)

T = TypeVar("T")
Answer = Callable[[], object]  # what is said after the commit

_ROWS: Final = frozenset({Up.FACTS, Up.TELEMETRY})
_RECEIVE_MAXIMUM: Final = 500
_AT_ONCE: Final = 500  # messages in one transaction
_MOST_BYTES: Final = 192 * 1024  # of their payloads, which is some thousand rows
_MAX_WAITING: Final = 5_000
_RETRY_SECONDS: Final = 1.0
# The broker gives a gateway's batches to several primaries in turns: one that overtook another is
# looked at again for so long, before the gateway is asked for what seems to be missing.
_OVERTAKEN_SECONDS: Final = 0.4
_LOOK_AGAIN_SECONDS: Final = 0.02
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
class Message:
    gateway_id: GatewayId
    what: Up
    delivery: Delivery
    came_at: float = field(default_factory=time.monotonic)


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
        self._inbox: queue.Queue[Message] = queue.Queue(_MAX_WAITING)
        self._early: list[Message] = []  # batches that came before the one before them
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
            self._inbox.put_nowait(Message(*read, delivery))
        except queue.Full:
            # Not acknowledged: the gateway sends it again.
            log.warning("too many messages wait; one of gateway %s was left out", read[0])

    def _run(self) -> None:
        while not self._stopping.is_set():
            messages = self._take()
            if not messages:
                continue
            try:
                self.process(messages)
            except SQLAlchemyError as error:
                log.warning("ingest: the database does not take it, trying again: %s", error)
                self._one_by_one(messages)
            except Exception:
                log.exception("ingest")
                self._one_by_one(messages)

    def _take(self) -> list[Message]:
        early, self._early = self._early, []
        try:
            first = self._inbox.get(timeout=_LOOK_AGAIN_SECONDS if early else 0.2)
        except queue.Empty:
            return early
        return sorted([*early, *portion(first, self._next)], key=_by_gateway)

    def _next(self) -> Message | None:
        try:
            return self._inbox.get_nowait()
        except queue.Empty:
            return None

    def _one_by_one(self, messages: list[Message]) -> None:
        """Find the message that the others need not wait for."""
        for message in messages:
            try:
                self.process([message])
            except SQLAlchemyError as error:
                # Not acknowledged above: the gateway sends it again.
                log.warning("ingest: gateway %s: %s", message.gateway_id, error)
                message.delivery.done()
                self._stopping.wait(_RETRY_SECONDS)
            except Exception:
                log.exception("ingest: gateway %s, %s", message.gateway_id, message.what)
                message.delivery.done()

    def process(self, messages: Sequence[Message]) -> None:
        """Apply messages in one transaction, commit, and only then answer and acknowledge."""
        answers: list[Answer] = []
        early: list[Message] = []
        begun = time.monotonic()
        with self._database.writing() as session:
            ids = gateways.admitted(session, {message.gateway_id for message in messages})
            known = [message for message in messages if message.gateway_id in ids]
            answers += self._apply_facts(session, [m for m in known if m.what in _ROWS], early)
            answers += self._apply_words(session, [m for m in known if m.what not in _ROWS])
        for answer in answers:
            answer()
        self._early += early
        for message in messages:
            if message not in early:
                message.delivery.done()
        log.debug("%d messages in %.3f s", len(messages), time.monotonic() - begun)

    def _apply_facts(
        self, session: Session, messages: Sequence[Message], early: list[Message]
    ) -> list[Answer]:
        """Apply rows of all gateways together; returns what to say after the commit.

        Batches that may have overtaken others on the way through another primary go to ``early``.
        """
        if not messages:
            return []
        read = [
            (message, batch)
            for message in messages
            if (batch := _read(message, envelope.decode_batch)) is not None
        ]
        halted = hello.halted(session, {message.gateway_id for message, _ in read})
        read = [each for each in read if each[0].gateway_id not in halted]
        batches = [(message.gateway_id, batch) for message, batch in read]
        acks = facts.receive_all(session, batches)
        told = [(message, ack) for (message, _), ack in zip(read, acks, strict=True)]
        early += [message for message, ack in told if _is_early(message, ack)]
        # The last one says it for those before it: it counts up to where it is.
        newest = {
            (message.gateway_id, ack.lane): ack for message, ack in told if message not in early
        }
        return [partial(self.say, key[0], Down.ACK, ack) for key, ack in newest.items()]

    def _apply_words(self, session: Session, messages: Sequence[Message]) -> list[Answer]:
        """Take Hellos, heartbeats, wills and questions, in their order."""
        said = [
            (message, word)
            for message in messages
            if (word := _read(message, _READERS[message.what])) is not None
        ]
        hellos = {message.gateway_id for message, word in said if isinstance(word, Hello)}
        # A Hello that was said again is not answered: the gateway waits for its last one's answer.
        last = {(m.gateway_id, w.boot_id): w for m, w in said if isinstance(w, Hello)}
        heard = {m.gateway_id for m, word in said if not isinstance(word, FeedAsk)}
        answers: list[Answer] = []
        reception = hello.Reception(session, heard, saying_hello=hellos) if heard else None
        for message, word in said:
            gateway_id = message.gateway_id
            if isinstance(word, FeedAsk):
                answers.append(partial(self.pusher.asked, gateway_id, word))
            elif isinstance(word, Hello):
                assert reception is not None
                if last[gateway_id, word.boot_id] is not word:
                    continue
                answers += self._greeted(session, gateway_id, word, reception)
            else:
                assert reception is not None
                answers += self._heard(gateway_id, word, reception)
        return answers

    def _greeted(
        self, session: Session, gateway_id: GatewayId, said: Hello, reception: Reception
    ) -> list[Answer]:
        greeting = reception.answer(gateway_id, said)
        gateways.set_pusher(session, gateway_id, self._settings.name)
        after: list[Answer] = [partial(self.say, gateway_id, Down.HELLO, greeting.answer)]
        if not greeting.is_halted:
            after.append(partial(self.pusher.online, gateway_id, said.streams))
        return after

    def _heard(self, gateway_id: GatewayId, said: Presence, reception: Reception) -> list[Answer]:
        believed = reception.on_presence(gateway_id, said)
        if said.state is PresenceState.GONE:
            return [partial(self.pusher.offline, gateway_id)] if believed else []
        return [partial(self.say, gateway_id, Down.HELLO, reception.beat(gateway_id))]


def portion(first: Message, following: Callable[[], Message | None]) -> list[Message]:
    """Take what is there for one transaction, a bounded amount."""
    messages, size = [first], len(first.delivery.payload)
    while len(messages) < _AT_ONCE and size < _MOST_BYTES and (message := following()) is not None:
        messages.append(message)
        size += len(message.delivery.payload)
    # Two primaries lock the marks of two gateways in the same order.
    return sorted(messages, key=_by_gateway)


def _by_gateway(message: Message) -> GatewayId:
    return message.gateway_id


def _is_early(message: Message, ack: Ack) -> bool:
    """Whether what is missing before a batch may be at another primary, on its way to the disk."""
    return bool(ack.want) and time.monotonic() - message.came_at < _OVERTAKEN_SECONDS


def _read(message: Message, read: Callable[[bytes], T]) -> T | None:
    """Read a message; None where it is not readable, which is told to the log."""
    try:
        return read(message.delivery.payload)
    except MessageError as error:
        log.warning("gateway %s says on %s what is not readable: %s",
                    message.gateway_id, message.what.value, error)  # fmt: skip
        return None


def _reader(kind: type[T]) -> Callable[[bytes], T]:
    return lambda payload: codec.from_plain(kind, codec.loads(envelope.unpack(payload)))


_READERS: Final[Mapping[Up, Callable[[bytes], Hello | Presence | FeedAsk]]] = {
    Up.HELLO: _reader(Hello),
    Up.PRESENCE: _reader(Presence),
    Up.FEED: _reader(FeedAsk),
}


def _subscriptions(settings: LinkSettings) -> tuple[str, ...]:
    ours = (topics.every_up(settings.group),)
    return (*ours, CONTROL_ANSWERS) if settings.hears_control else ours
