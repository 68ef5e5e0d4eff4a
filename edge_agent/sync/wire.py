"""The gateway's connection to the broker, made afresh with whichever certificate is to be tried.

paho runs in its own thread; everything that is called back here happens on the agent's loop.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from edge_agent import renewal
from edge_agent.enrolment import Identity
from shared.messages import codec, hello, topics
from shared.messages.hello import Presence, PresenceState
from shared.messages.topics import Down, Up
from shared.mqtt import Backoff, Connection, Delivery, Options, Will

log = logging.getLogger(__name__)

_WILL_DELAY_SECONDS: Final = 10
_SESSION_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Events:
    """What the wire calls back, on the loop."""

    on_message: Callable[[Delivery], None]
    on_up: Callable[[], None]
    on_down: Callable[[str], None]
    on_unheard: Callable[[], None]


class Wire:
    """One connection at a time, from ``start`` to ``stop``; then it may be started again."""

    def __init__(
        self,
        identity: Callable[[], Identity],
        boot_id: str,
        address: tuple[str, int],
        backoff: Backoff | None,
        events: Events,
    ) -> None:
        self._identity = identity
        self._boot_id = boot_id
        self._address = address
        self._backoff = backoff
        self._events = events
        self._gateway_id = identity().gateway_id
        self._connection: Connection | None = None
        self._uses_next = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = self._make()
        self._connection.start()

    async def stop(self, *, says_so: bool = True) -> None:
        """End it; whoever ends politely has no will, so it says itself that it is gone."""
        if self._connection is not None:
            if says_so:
                self.say(Up.PRESENCE, self._gone())
            await asyncio.to_thread(self._connection.stop)

    def reconnect(self) -> None:
        """Try the next certificate now."""
        if self._connection is not None:
            self._connection.reconnect()

    def publish(self, what: Up, payload: bytes) -> bool:
        connection, topic = self._connection, topics.up(self._gateway_id, what)
        return connection is not None and connection.publish(topic, payload)

    def say(self, what: Up, message: Any) -> bool:
        return self.publish(what, codec.dumps(codec.to_plain(message)))

    def _make(self) -> Connection:
        host, port = self._address
        return Connection(
            Options(
                client_id=self._gateway_id,
                host=host,
                port=port,
                subscriptions=tuple(topics.down(self._gateway_id, what) for what in Down),
                will=Will(
                    topics.up(self._gateway_id, Up.PRESENCE),
                    codec.dumps(codec.to_plain(self._gone())),
                    _WILL_DELAY_SECONDS,
                ),
                session_expiry_seconds=_SESSION_SECONDS,
            ),
            self._tls,
            on_message=lambda delivery: self._soon(lambda: self._events.on_message(delivery)),
            on_up=self._on_up,
            on_down=lambda says: self._soon(lambda: self._events.on_down(says)),
            on_unheard=lambda: self._soon(self._events.on_unheard),
            backoff=self._backoff,
        )

    def _gone(self) -> Presence:
        return Presence(hello.VERSION, PresenceState.GONE, self._boot_id)

    def _tls(self) -> ssl.SSLContext:
        """Make the context of one attempt: a renewed certificate and the old one take turns."""
        identity = self._identity()
        self._uses_next = identity.has_next and not self._uses_next
        return identity.tls(with_next=self._uses_next)

    def _on_up(self) -> None:
        with_next = self._uses_next  # of this connection: the next attempt uses the other one
        self._soon(lambda: self._settle_renewal(with_next=with_next))
        self._soon(self._events.on_up)

    def _soon(self, act: Callable[[], None]) -> None:
        """Run something on the loop; called by the connection's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)

    def _settle_renewal(self, *, with_next: bool) -> None:
        """The broker let us in: with the new certificate the old one goes, and the other way."""
        identity = self._identity()
        if not identity.has_next:
            return
        if with_next:
            renewal.promote(identity.folder)
            log.info("the new certificate is in use, until %s", identity.expires_at)
        else:
            renewal.discard(identity.folder)
            log.warning("no connection with the renewed certificate; the old one stays in use")
