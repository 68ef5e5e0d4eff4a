"""One MQTT 5 connection in a thread of its own, as both sides of the link use it (paho-mqtt 2).

A connection begins with nothing: what was queued in memory for an earlier one is gone, and the
protocol above sends again what was not acknowledged above. Every message is acknowledged to the
broker by its receiver (``Delivery.done``) after its commit. Callbacks run in the connection's
thread and are wrapped: an exception in one ends the connection, never the thread.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

log = logging.getLogger(__name__)

_CONNECT_SECONDS: Final = 10.0
_MAX_QUEUED: Final = 1000
_LONG_ATTEMPTS: Final = 600
_NOBODY_LISTENS: Final = 0x10  # "No matching subscribers" (MQTT 5, 3.4.2.1)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone for so long."""

    topic: str
    payload: bytes
    delay_seconds: int


@dataclass(frozen=True, slots=True)
class Options:
    """How to connect."""

    client_id: str
    host: str
    port: int
    subscriptions: tuple[str, ...]
    will: Will | None = None
    keepalive_seconds: int = 30
    session_expiry_seconds: int = 0
    receive_maximum: int = 100


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that came. ``done`` may be called from any thread, once."""

    topic: str
    payload: bytes
    done: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: anything between nothing and a cap that doubles.

    An address where nobody answers is asked again every few seconds, which is cheap, so that a
    line that comes back is used at once; after a quarter of an hour less often. Whoever answered
    and did not let us in is asked less and less often: thousands of handshakes at once would keep
    a broker from coming up.
    """

    first_seconds: float = 0.5
    unreachable_cap_seconds: float = 3.0
    long_unreachable_cap_seconds: float = 15.0
    refused_cap_seconds: float = 60.0

    def wait(self, attempt: int, *, answered: bool) -> float:
        cap = self.refused_cap_seconds if answered else self.unreachable_cap_seconds
        if not answered and attempt > _LONG_ATTEMPTS:
            cap = max(cap, self.long_unreachable_cap_seconds)
        return random.uniform(0.05, min(cap, self.first_seconds * 2 ** min(attempt, 16)))  # noqa: S311


class _Attempt:
    """One connection from its first byte to its last; ended by whoever says so first."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.was_up = False
        self.says = ""

    def end(self, says: str) -> None:
        self.says = self.says or says
        self.over.set()

    def guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """Wrap a callback: what it raises ends the connection, not paho's thread."""

        def wrapped(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as error:
                log.exception("a callback of the MQTT connection failed")
                self.end(f"{type(error).__name__}: {error}")

        return wrapped


class Connection:
    """Keeps one connection up until it is stopped."""

    def __init__(
        self,
        options: Options,
        tls: Callable[[], ssl.SSLContext],
        *,
        on_message: Callable[[Delivery], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        on_unheard: Callable[[], None] = lambda: None,
        backoff: Backoff | None = None,
    ) -> None:
        """Make one; ``on_unheard`` says that nobody listened to something that we published."""
        self.options = options
        self._tls = tls
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._on_unheard = on_unheard
        self._backoff = backoff or Backoff()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._client: mqtt.Client | None = None
        self._up = False
        self._answered = False
        self._waiting_for: set[int | None] = set()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    @property
    def is_up(self) -> bool:
        """Whether the broker let us in and took our subscriptions."""
        return self._up

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, timeout_seconds: float = 3.0) -> None:
        """End the connection politely; the will is not spoken."""
        self._stopping.set()
        self._hurry.set()
        client = self._client
        if client is not None:
            client.disconnect()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_seconds)

    def reconnect(self) -> None:
        """Begin a new connection, with what the TLS context holds now."""
        client = self._client
        self._hurry.set()
        if client is not None:
            client.disconnect()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Hand a message to the connection; False where there is none, or it is stuffed."""
        client = self._client
        if client is None or not self._up:
            return False
        return client.publish(topic, payload, qos).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _run(self) -> None:
        silent = refused = 0  # attempts in a row that nobody answered; that were not let in
        while not self._stopping.is_set():
            self._answered = False
            self._hurry.clear()
            was_up, says = self._connect_once()
            if self._stopping.is_set():
                return
            silent = 0 if was_up or self._answered else silent + 1
            refused = refused + 1 if self._answered and not was_up else 0
            log.log(
                logging.INFO if was_up or silent + refused <= 1 else logging.DEBUG,
                "no connection to %s:%d: %s", self.options.host, self.options.port, says,
            )  # fmt: skip
            self._on_down(says)
            self._hurry.wait(self._backoff.wait(refused or silent, answered=refused > 0))

    def _connect_once(self) -> tuple[bool, str]:
        """Connect and stay until it ends; whether it was up, and why it ended."""
        attempt = _Attempt()
        client: mqtt.Client | None = None
        try:
            client = self._new_client(attempt)
            self._client = client
            client.connect(
                self.options.host,
                self.options.port,
                keepalive=self.options.keepalive_seconds,
                clean_start=self.options.session_expiry_seconds == 0,
                properties=self._connect_properties(),
            )
            # paho's own thread, never loop_forever() in ours: then publishing in one thread and
            # the loop in another would write to one TLS socket at once ("bad record mac").
            client.loop_start()
            attempt.over.wait()
        except Exception as error:  # noqa: BLE001  # whatever it was: say so, and try again
            attempt.end(str(error) or type(error).__name__)
            self._answered |= isinstance(error, ssl.SSLError)
        finally:
            self._up = False
            self._client = None
            if client is not None:
                _let_go(client)
        return attempt.was_up, attempt.says or "closed"

    def _new_client(self, attempt: _Attempt) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.options.client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_SECONDS
        client.max_queued_messages_set(_MAX_QUEUED)
        client.max_inflight_messages_set(self.options.receive_maximum)
        client.tls_set_context(self._tls())
        self._set_will(client)

        def on_connect(_c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
            self._answered = True
            if reason.is_failure:
                attempt.end(f"the broker says: {reason}")
            else:
                self._subscribe(client)

        def on_subscribe(_c: Any, _u: Any, mid: int, codes: Sequence[ReasonCode], _p: Any) -> None:
            if any(code.is_failure for code in codes):
                attempt.end("the broker does not know us (yet): no role")
                return
            self._waiting_for.discard(mid)
            if not self._waiting_for and not attempt.was_up:
                attempt.was_up = self._up = True
                self._on_up()

        def on_message(_c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
            mid, qos = message.mid, message.qos
            self._on_message(
                Delivery(message.topic, bytes(message.payload), lambda: _ack(client, mid, qos))
            )

        def on_publish(_c: Any, _u: Any, _m: int, reason: ReasonCode, _p: Any) -> None:
            if reason.value == _NOBODY_LISTENS:
                self._on_unheard()

        def on_disconnect(_c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
            attempt.end(str(reason))

        client.on_connect = attempt.guarded(on_connect)
        client.on_subscribe = attempt.guarded(on_subscribe)
        client.on_message = attempt.guarded(on_message)
        client.on_publish = attempt.guarded(on_publish)
        client.on_disconnect = on_disconnect
        return client

    def _subscribe(self, client: mqtt.Client) -> None:
        options = SubscribeOptions(qos=1)
        self._waiting_for = {
            client.subscribe(topic, options=options)[1] for topic in self.options.subscriptions
        }

    def _set_will(self, client: mqtt.Client) -> None:
        will = self.options.will
        if will is None:
            return
        properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
        properties.WillDelayInterval = will.delay_seconds
        client.will_set(will.topic, will.payload, qos=1, properties=properties)

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self.options.session_expiry_seconds
        properties.ReceiveMaximum = self.options.receive_maximum
        return properties


def _let_go(client: mqtt.Client) -> None:
    """End a client and its thread."""
    client.disconnect()
    try:
        client.loop_stop()
    except AttributeError:
        # A loop that ends by itself at this very moment forgets its thread between paho's look at
        # it and paho's join. It has ended; left to itself, this ended our thread and the link.
        log.debug("paho's thread ended by itself")


def _ack(client: mqtt.Client, mid: int, qos: int) -> None:
    client.ack(mid, qos)
