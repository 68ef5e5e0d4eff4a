"""A gateway with a good certificate and no manners: it tries what is not its own."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.enrolment import Identity
from shared.ids import GatewayId
from shared.messages import topics
from shared.messages.topics import Down, Up
from tests.support.line import Primary


class Stranger:
    """A plain MQTT client with a gateway's certificate, and no manners."""

    def __init__(self, primary: Primary, identity: Identity, **options: Any) -> None:
        self.heard: list[str] = []
        self.granted: dict[int, bool] = {}
        self.published: dict[int, bool] = {}
        self.ends: list[str] = []
        self.is_in = threading.Event()
        # Our own broker, or one that others run.
        self._port = options.pop("port", 0) or primary.link.broker.listeners.port
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.pop("client_id", "stranger"),
            protocol=mqtt.MQTTv5,
        )
        context = ssl.create_default_context(cafile=str(identity.authority_file))
        context.load_cert_chain(identity.certificate_file, identity.key_file)
        self.client.tls_set_context(context)
        if "will" in options:
            says = options.get("will_says", b"{}")
            self.client.will_set(options["will"], says, qos=1, retain=options.get("retain", False))
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.ends.append(str(reason))

    def connect(self) -> Stranger:
        self.client.connect("127.0.0.1", self._port, keepalive=10)
        self.client.loop_start()
        return self

    def close(self) -> None:
        self.client.disconnect()
        self._end()

    def vanish(self) -> None:
        """End the connection without a word: the broker speaks the will."""
        if (sock := self.client.socket()) is not None:
            sock.close()
        self._end()

    def _end(self) -> None:
        self.client.loop_stop()
        self.client._reset_sockets()  # What paho would leave to the collector.

    def may_subscribe(self, topic: str) -> bool:
        mid = self.client.subscribe(topic, 1)[1]
        _wait(lambda: mid in self.granted)
        return self.granted[mid or 0]

    def may_publish(self, topic: str, payload: bytes = b"{}", **options: Any) -> bool:
        sent = self.client.publish(topic, payload, qos=1, **options)
        _wait(lambda: sent.mid in self.published or self.ends)
        return self.published.get(sent.mid, False)

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        if not reason.is_failure:
            self.is_in.set()

    def _on_subscribe(self, _c: Any, _u: Any, mid: int, codes: Any, _p: Any) -> None:
        self.granted[mid] = not any(code.is_failure for code in codes)

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
        self.published[mid] = not reason.is_failure


def _wait(condition: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def a_stranger(primary: Primary, identity: Identity, **options: Any) -> Iterator[Stranger]:
    stranger = Stranger(primary, identity, **options)
    stranger.connect()
    assert stranger.is_in.wait(5)
    try:
        yield stranger
    finally:
        stranger.close()


def own_group(primary: Primary) -> str:
    """The primary's own share group, which nobody else can know: its name is random."""
    listener = primary.link.listener
    assert listener is not None
    return listener._connection.options.subscriptions[0]


def foreign_subscriptions(other: GatewayId) -> list[str]:
    """What concerns others, in every way to say it."""
    up = f"{topics.ROOT}/{other}/up/facts"
    return [
        "#",
        "+/+/#",
        f"{topics.ROOT}/#",
        f"{topics.ROOT}/+/up/+",
        topics.every_down(other),
        *(topics.down(other, what) for what in Down),
        *(topics.up(other, what) for what in Up),
        f"$share/mine/{topics.ROOT}/+/up/+",
        f"$share/mine/{up}",
        f"$share/mine/{topics.down(other, Down.COMMAND)}",
        "$SYS/#",
        "$CONTROL/#",
        "$CONTROL/dynamic-security/v1/response",
    ]
